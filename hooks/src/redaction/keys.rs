//! Which names are names of secrets: `dbPassword`, `FOO_SECRET`, `x-api-key`, `--passphrase`, …
use super::kinds::Kind;

/// Every name of a secret holds one of these (without regard to case); only then is the name looked at.
pub(super) const STEMS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "api.key",
    "access_key",
    "access-key",
    "accesskey",
    "private_key",
    "private-key",
    "privatekey",
    "signing_key",
    "signing-key",
    "signingkey",
    "encryption_key",
    "encryption-key",
    "encryptionkey",
    "encryptkey",
    "encrypt_key",
    "master_key",
    "master-key",
    "masterkey",
    "shared_key",
    "sharedkey",
    "account_key",
    "accountkey",
    "auth_key",
    "authkey",
    "auth-key",
    "session_key",
    "sessionkey",
    "credential",
    "creds",
    "authorization",
    "cookie",
    "session_id",
    "sessionid",
    "session-id",
    "salt",
    "_auth",
    "\"auth\"",
    "masterauth",
    "identified by",
    "signature",
    "&sig=",
    "?sig=",
    "psk",
];

/// Parts that make a name one of a secret, wherever they stand in it (letters and digits only, lower case).
const PARTS: &[(&str, Kind)] = &[
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("passcode", Kind::Password),
    ("passwort", Kind::Password),
    ("requirepass", Kind::Password),
    ("masterauth", Kind::Password),
    ("secret", Kind::Secret),
    ("token", Kind::Token),
    ("apikey", Kind::Token),
    ("accesskey", Kind::Secret),
    ("privatekey", Kind::PrivateKey),
    ("signingkey", Kind::Secret),
    ("encryptionkey", Kind::Secret),
    ("encryptkey", Kind::Secret),
    ("masterkey", Kind::Secret),
    ("sharedkey", Kind::Secret),
    ("accountkey", Kind::Secret),
    ("authkey", Kind::Secret),
    ("sessionkey", Kind::Secret),
    ("credential", Kind::Secret),
    ("authorization", Kind::Authorization),
    ("cookie", Kind::Cookie),
    ("sessionid", Kind::Token),
];

/// Words that do so only when they stand alone in the name.
const WORDS: &[(&str, Kind)] = &[
    ("pass", Kind::Password),
    ("pwd", Kind::Password),
    ("creds", Kind::Secret),
    ("salt", Kind::Secret),
    ("psk", Kind::Secret),
];

/// A name that ends with one of these tells about a secret and holds none: `token_count`, `passwordFile`.
const TELLS: &[&str] = &[
    "count",
    "counts",
    "length",
    "len",
    "size",
    "limit",
    "expiry",
    "expires",
    "expiration",
    "expire",
    "expired",
    "ttl",
    "age",
    "timeout",
    "min",
    "max",
    "file",
    "path",
    "policy",
    "type",
    "enabled",
    "required",
    "url",
    "uri",
    "endpoint",
    "name",
    "names",
    "lifetime",
    "period",
    "days",
    "hours",
    "minutes",
    "seconds",
    "ms",
    "at",
    "changed",
    "updated",
    "used",
    "usage",
    "version",
    "encryption",
    "algorithm",
    "format",
    "ref",
    "keyid",
    "keyref",
    "provider",
    "class",
    "manager",
    "domain",
    "samesite",
    "secure",
    "httponly",
];

/// Words that end in "pass" and are none.
const NOT_PASS: &[&str] = &[
    "compass",
    "bypass",
    "surpass",
    "trespass",
    "overpass",
    "underpass",
    "encompass",
];

/// What a value under this name would be, if the name is one of a secret. `extra` are further names, as
/// [`plain`] writes them; a name that ends with one of them counts.
pub(super) fn kind_of(name: &str, extra: &[String]) -> Option<Kind> {
    let name = tail(name, 128);
    let plain = plain(name);
    if extra.iter().any(|e| plain.ends_with(e.as_str())) {
        return Some(Kind::Secret);
    }
    let words = words(name);
    let last = words.last()?;
    // The working directory of every process.
    if matches!(name, "PWD" | "OLDPWD") {
        return None;
    }
    let last_two: String = words[words.len().saturating_sub(2)..].concat();
    if words.len() > 1 && TELLS.contains(&last.as_str())
        || last_two == "keyid"
        || last_two == "keyref"
    {
        return None;
    }
    if let Some((_, kind)) = PARTS.iter().find(|(part, _)| plain.contains(part)) {
        return Some(*kind);
    }
    let by_word = |word: &String| {
        WORDS.iter().find(|(w, _)| {
            word == w
                || (*w != "salt"
                    && word.ends_with(w)
                    && word.len() > w.len()
                    && !NOT_PASS.contains(&word.as_str()))
        })
    };
    words.iter().find_map(by_word).map(|(_, kind)| *kind)
}

/// Letters and digits only, in lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// What of a name is looked for in lines before the whole name is compared.
pub(super) fn longest_word(name: &str) -> String {
    words(name)
        .into_iter()
        .max_by_key(String::len)
        .unwrap_or_default()
}

fn tail(name: &str, most: usize) -> &str {
    &name[name.len().saturating_sub(most)..]
}

/// The words of a name, cut at `_`, `-`, `.`, `$` and where capitals begin, in lower case.
fn words(name: &str) -> Vec<String> {
    let bytes = name.as_bytes();
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for (i, &b) in bytes.iter().enumerate() {
        if !b.is_ascii_alphanumeric() {
            open = false;
            continue;
        }
        let before = i.checked_sub(1).map(|j| bytes[j]);
        let begins_capital = b.is_ascii_uppercase()
            && (before.is_some_and(|p| p.is_ascii_lowercase() || p.is_ascii_digit())
                || (before.is_some_and(|p| p.is_ascii_uppercase())
                    && bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase)));
        match out.last_mut() {
            Some(word) if open && !begins_capital => word.push(b.to_ascii_lowercase() as char),
            _ => out.push((b.to_ascii_lowercase() as char).to_string()),
        }
        open = true;
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "PASSWORD",
            "dbPassword",
            "DB_PASS",
            "userpass",
            "spring.datasource.password",
            "X-Vault-Token",
            "FOO_SECRET",
            "client_secret",
            "secret_id",
            "apiKey",
            "api-key",
            "AWS_SECRET_ACCESS_KEY",
            "PublicLinkSalt",
            "AtRestEncryptKey",
            "requirepass",
            "_authToken",
            "npassword",
            "SMTPPassword",
            "PGPASSWORD",
            "mysql_pwd",
            "AmazonS3SecretAccessKey",
            "Set-Cookie",
            "AccountKey",
            "passphrase",
        ] {
            assert!(kind_of(name, &[]).is_some(), "{name}");
        }
    }

    #[test]
    fn names_that_only_tell_about_secrets_are_left() {
        for name in [
            "token_count",
            "passwordFile",
            "compass",
            "PWD",
            "secretName",
            "token_type",
            "password_encryption",
            "accessKeyId",
            "secretKeyRef",
            "passenger",
            "salted",
            "passed",
        ] {
            assert_eq!(kind_of(name, &[]), None, "{name}");
        }
    }

    #[test]
    fn added_names_count_too() {
        assert_eq!(
            kind_of("Customer-Pin", &[plain("customer_pin")]),
            Some(Kind::Secret)
        );
        assert_eq!(kind_of("pinned", &[plain("pin")]), None);
    }
}
