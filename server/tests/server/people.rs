//! `user`: people, their roles, their tokens; and signing in with what was set.
use serde_json::{Value, json};

use crate::home::{Home, PASSWORD, Served};

#[test]
fn people_are_added_changed_and_listed() {
    let home = Home::new();
    let add = [
        "user",
        "add",
        "ada",
        "--name",
        "Ada",
        "--role",
        "engineer:acme,bolt",
        "--role",
        "viewer",
    ];
    let refused = home.run(&add, PASSWORD);
    assert!(refused.err.contains("no customer acme"), "{}", refused.err);
    for customer in ["acme", "bolt"] {
        home.ok(&["customer", "add", customer, customer]);
    }
    let said = home.told(&add, PASSWORD);
    assert!(said.contains("ada can engineer:acme,bolt viewer"), "{said}");
    assert!(home.run(&add, PASSWORD).err.contains("already"));
    let bot = home.told(
        &[
            "user",
            "add",
            "bot",
            "--name",
            "Bot",
            "--role",
            "viewer",
            "--no-password",
        ],
        "",
    );
    assert!(bot.contains("bot can viewer"));
    let list = home.json(&["user", "list"]);
    let has: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|u| &u["has_password"])
        .collect();
    assert_eq!(has, [&json!(true), &json!(false)]);
    home.ok(&["user", "set", "ada", "--role", "admin"]);
    let list = home.json(&["user", "list"]);
    assert_eq!(
        list[0]["roles"],
        json!([{"role": "admin", "customers": "all"}])
    );
    assert_eq!(list[0]["name"], "Ada");
    for (args, stdin, word) in [
        (
            &["user", "add", "eve", "--name", "E", "--role", "king"][..],
            PASSWORD,
            "viewer, engineer, reviewer or admin",
        ),
        (
            &["user", "add", "eve", "--name", "E", "--role", "viewer"],
            "short",
            "password",
        ),
        (
            &["user", "add", "eve", "--name", "E", "--role", "viewer"],
            "",
            "no password",
        ),
        (&["user", "add", "eve", "--name", "E"], PASSWORD, "--role"),
        (&["user", "set", "eve", "--name", "E"], "", "no person eve"),
        (&["user", "token", "eve"], "", "no person eve"),
    ] {
        let ran = home.run(args, stdin);
        assert!(ran.code != 0 && ran.err.contains(word), "{args:?}: {ran:?}");
    }
}

async fn me(home: &Home, served: &Served, token: &str) -> (u16, Value) {
    let said = home
        .client()
        .get(served.url("/api/v1/me"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    (said.status().as_u16(), said.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_signs_in_and_a_new_one_ends_what_the_old_one_opened() {
    let home = Home::new();
    home.person("ada", &["engineer"]);
    let (served, client) = (home.serve(), home.client());
    let sign_in = async |password: &str| {
        let body = json!({"person": "ada", "password": password}).to_string();
        let request = client
            .post(served.url("/api/v1/sign-in"))
            .header("content-type", "application/json");
        let said = request.body(body).send().await.unwrap();
        (said.status().as_u16(), said.json::<Value>().await.unwrap())
    };
    assert_eq!(sign_in("wrong password").await.0, 401);
    let (status, opened) = sign_in(PASSWORD).await;
    assert_eq!((status, &opened["person"]), (201, &json!("ada")));
    let token = opened["token"].as_str().unwrap();
    assert_eq!(me(&home, &served, token).await.0, 200);
    home.told(
        &["user", "set", "ada", "--password"],
        "another horse battery",
    );
    assert_eq!(me(&home, &served, token).await.0, 401);
    assert_eq!(
        (
            sign_in(PASSWORD).await.0,
            sign_in("another horse battery").await.0
        ),
        (401, 201)
    );
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_programs_passes_on_its_persons_roles_or_fewer() {
    let home = Home::new();
    home.person("ada", &["engineer", "viewer"]);
    let served = home.serve();
    let whole = home.token("ada");
    let made = home.json(&[
        "user",
        "token",
        "ada",
        "--role",
        "viewer:acme",
        "--label",
        "ci",
        "--expires",
        "1h",
    ]);
    assert_eq!(made["label"], "ci");
    let few = made["token"].as_str().unwrap();
    let (_, told) = me(&home, &served, &whole).await;
    assert_eq!(told["roles"].as_array().unwrap().len(), 2);
    let (_, told) = me(&home, &served, few).await;
    assert_eq!(
        told["roles"],
        json!([{"role": "viewer", "customers": ["acme"]}])
    );
    // Signing out with it ends it, and no other.
    let out = home
        .client()
        .delete(served.url("/api/v1/sign-in"))
        .bearer_auth(few)
        .send();
    assert_eq!(out.await.unwrap().status(), 204);
    assert_eq!(
        (
            me(&home, &served, few).await.0,
            me(&home, &served, &whole).await.0
        ),
        (401, 200)
    );
    // More than the person has is of no use.
    let more = home.json(&["user", "token", "ada", "--role", "admin"])["token"].clone();
    let users = home
        .client()
        .get(served.url("/api/v1/users"))
        .bearer_auth(more.as_str().unwrap());
    assert_eq!(users.send().await.unwrap().status(), 403);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_many_passwords_is_told_to_wait() {
    let home = Home::with("sign_in_burst = 3\nsign_in_per_minute = 1");
    let served = home.serve();
    let client = home.client();
    let try_one = async || {
        let body = json!({"person": "ada", "password": "some password"});
        client
            .post(served.url("/api/v1/sign-in"))
            .json(&body)
            .send()
            .await
            .unwrap()
    };
    for _ in 0..3 {
        assert_eq!(try_one().await.status(), 401);
    }
    let said = try_one().await;
    assert_eq!(
        (
            said.status().as_u16(),
            said.headers().contains_key("retry-after")
        ),
        (429, true)
    );
    served.stop();
}
