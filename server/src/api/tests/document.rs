//! The OpenAPI document tells the truth: answers fit what it says of them.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    house::House,
    operations::{Things, WHO, body},
};

/// The schema that a reference leads to.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(at) => {
            let at = at.strip_prefix('#').unwrap();
            document
                .pointer(at)
                .unwrap_or_else(|| panic!("{at} leads nowhere"))
        }
        None => schema,
    }
}

/// All properties of an object's schema and of those that it unites, and which of them are required.
fn members<'a>(
    document: &'a Value,
    schema: &'a Value,
    out: &mut (Map<String, Value>, BTreeSet<String>),
) {
    let schema = resolve(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members(document, part, out);
    }
    if let Some(properties) = schema["properties"].as_object() {
        out.0.extend(properties.clone());
    }
    let required = schema["required"].as_array().into_iter().flatten();
    out.1
        .extend(required.map(|r| r.as_str().unwrap().to_owned()));
}

fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolve(document, schema);
    if let Some(either) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let any = either.iter().any(|s| fits(document, s, value, at).is_ok());
        return any
            .then_some(())
            .ok_or_else(|| format!("{at}: fits none of its forms: {value}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.is_empty() && !kinds.contains(&kind) {
        return Err(format!("{at}: told as {kinds:?}, is {value}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{n}]"))?;
    }
    let mut told = (Map::new(), BTreeSet::new());
    members(document, schema, &mut told);
    let (Some(object), false) = (value.as_object(), told.0.is_empty()) else {
        return Ok(());
    };
    if let Some(missing) = told.1.iter().find(|name| !object.contains_key(*name)) {
        return Err(format!("{at}.{missing}: told as required, is not there"));
    }
    for (name, inner) in object {
        let schema = told
            .0
            .get(name)
            .ok_or_else(|| format!("{at}.{name}: not told"))?;
        fits(document, schema, inner, &format!("{at}.{name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn every_answer_has_the_status_the_type_and_the_form_that_are_told() {
    let house = House::new().await;
    let things = Things::make(&house).await;
    let document = house
        .send(None, "GET", "/api/v1/openapi.json", None)
        .await
        .ok();
    let mut forms = 0;
    for (method, path, _) in WHO {
        for person in ["hana", "ada", "ben"] {
            let operation = &document["paths"][path][method];
            let (up, sent) = (method.to_uppercase(), body(method, path));
            let said = house.ask(person, &up, &things.fill(path), sent).await;
            let what = format!("{method} {path} by {person}: {}", said.status);
            let kind = said.header("content-type");
            let told = match said.status.is_success() {
                true => &operation["responses"][said.status.as_str()],
                false => &operation["responses"]["default"],
            };
            assert!(told.is_object(), "{what}: the status is not told");
            if said.body.is_empty() {
                assert!(told["content"].is_null(), "{what}: told with a body");
                continue;
            }
            let content = &told["content"][kind];
            assert!(content.is_object(), "{what}: {kind} is not told: {told}");
            if kind.ends_with("json") && content["schema"].is_object() {
                let fit = fits(&document, &content["schema"], &said.json(), "");
                assert!(
                    fit.is_ok() || kind == "application/problem+json",
                    "{what}: {fit:?}"
                );
                forms += 1;
            }
        }
    }
    assert!(forms > 100, "{forms}");
}

#[tokio::test]
async fn every_operation_has_an_id_of_its_own_and_words() {
    let house = House::new().await;
    let document = house
        .send(None, "GET", "/api/v1/openapi.json", None)
        .await
        .ok();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let words = operation["summary"]
                .as_str()
                .or(operation["description"].as_str());
            assert!(
                words.is_some_and(|w| !w.is_empty()),
                "{method} {path} has no words"
            );
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{method} {path}"
            );
            let open = operation["security"].is_array();
            let signed_in = WHO
                .iter()
                .find(|(m, p, _)| m == method && p == path)
                .unwrap()
                .2
                != "-";
            assert_eq!(open, !signed_in, "{method} {path}");
        }
    }
    assert!(ids.contains("get_packets_claim_id_files_path"), "{ids:?}");
}

#[test]
fn the_comparison_itself_finds_what_does_not_fit() {
    let document: Value = serde_json::json!({"components": {"schemas": {
        "A": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        "B": {"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object", "properties": {"s": {"type": ["string", "null"]}}}]},
    }}});
    let b = serde_json::json!({"$ref": "#/components/schemas/B"});
    for (value, good) in [
        (r#"{"n": 1, "s": null}"#, true),
        (r#"{"n": 1}"#, true),
        (r#"{"s": "x"}"#, false),
        (r#"{"n": "1"}"#, false),
        (r#"{"n": 1, "t": 1}"#, false),
    ] {
        let value = serde_json::from_str(value).unwrap();
        assert_eq!(fits(&document, &b, &value, "").is_ok(), good, "{value}");
    }
}
