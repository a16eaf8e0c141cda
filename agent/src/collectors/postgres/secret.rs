//! Settings whose values may hold secrets: connection strings, commands, and what is named so.

/// Of the server itself.
const KNOWN: [&str; 6] = [
    "primary_conninfo",
    "ssl_passphrase_command",
    "archive_command",
    "restore_command",
    "archive_cleanup_command",
    "recovery_end_command",
];
/// Parts of names, mostly of extensions and of applications that keep their own settings in the server.
const PARTS: [&str; 13] = [
    "secret",
    "passphrase",
    "passwd",
    "token",
    "conninfo",
    "credential",
    "private",
    "apikey",
    "api_key",
    "jwt",
    "dsn",
    "auth",
    "url",
];
/// Named like a secret, but none: what the server itself has.
const OPEN: [&str; 4] = [
    "password_encryption",
    "authentication_timeout",
    "ssl_key_file",
    "krb_server_keyfile",
];

/// Whether the value of setting `name` is left out.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if OPEN.contains(&name.as_str()) {
        return false;
    }
    KNOWN.contains(&name.as_str())
        || PARTS.iter().any(|part| name.contains(part))
        || name.contains("password")
        || name
            .split(['.', '_'])
            .any(|word| matches!(word, "key" | "pass" | "pwd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_commands_and_names_of_secrets_are_left_out() {
        for name in [
            "primary_conninfo",
            "archive_command",
            "app.jwt_secret",
            "x.API_KEY",
            "pgaudit.db_password",
            "y.aws_key",
            "z.pass",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_an_engineer_needs_stays() {
        for name in [
            "work_mem",
            "password_encryption",
            "shared_buffers",
            "authentication_timeout",
            "bypass_x",
            "ssl_key_file",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
