//! Secrets in files: none of them in the packet, each counted.
use std::{collections::BTreeMap, fs};

use boathook_tests::world::World;

use super::{Packet, directory, hook, policy};

/// Kind of redaction, the line that holds the secret, the secret.
const SECRETS: &[(&str, &str, &str)] = &[
    (
        "url-password",
        "ERROR cannot connect: postgres://app:Tr0ub4dor-and-3@db.internal/app",
        "Tr0ub4dor-and-3",
    ),
    (
        "authorization",
        "DEBUG Authorization: Bearer q8w7e6r5t4y3u2i1o0pasdfghjkl",
        "q8w7e6r5t4y3u2i1o0pasdfghjkl",
    ),
    (
        "authorization",
        "DEBUG > Authorization: Basic YWRhOmNvcnJlY3QtaG9yc2U=",
        "YWRhOmNvcnJlY3QtaG9yc2U",
    ),
    (
        "password",
        "db_password = \"zebra crossing 77\"",
        "zebra crossing 77",
    ),
    (
        "aws-key",
        "using AKIAIOSFODNN7EXAMPLE in eu-west-1",
        "AKIAIOSFODNN7EXAMPLE",
    ),
    (
        "aws-key",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    (
        "secret",
        "client_secret: 9f8e7d6c5b4a39281706",
        "9f8e7d6c5b4a39281706",
    ),
    (
        "github-token",
        "git push with ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
    ),
    (
        "slack-token",
        "notify by xoxb-123456789012-abcdefghijklmnop",
        "xoxb-123456789012-abcdefghijklmnop",
    ),
    (
        "jwt",
        "id eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U seen",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ),
];

/// Out of credentials.toml: no rule but the literal one knows it.
const LITERAL: &str = "plain-wörd beside+others";

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\nKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm\n-----END RSA PRIVATE KEY-----\n";
const KEY_LINES: [&str; 2] = [
    "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu",
    "KUpRKfFLfRYC9AIKjbJTWit",
];

fn log() -> String {
    let mut text = "2026-11-21 INFO begun\n".repeat(500);
    for (_, line, _) in SECRETS {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&format!(
        "INFO the word is {LITERAL} today\nDEBUG dumping the key\n{KEY}"
    ));
    text.push_str(&"2026-11-21 INFO ended\n".repeat(500));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_files_are_nowhere_in_the_packet_and_all_are_counted() {
    let world = World::start().await.unwrap();
    let dir = directory(&world, "granted");
    fs::write(dir.join("app.log"), log()).unwrap();
    fs::write(dir.join("server.pem"), KEY).unwrap();
    // A secret in a name is a secret, too.
    fs::write(
        dir.join("ghp_ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210.log"),
        "named\n",
    )
    .unwrap();
    let mut agent = world
        .enrolled(
            "app-01",
            &policy(&[&dir], &[std::path::Path::new("/bin/echo")]),
        )
        .await
        .unwrap();
    agent
        .credentials(&format!(
            "[shop]\nuser = \"app\"\npassword = \"{LITERAL}\"\n"
        ))
        .unwrap();
    agent.start().unwrap();

    let d = dir.display();
    let packet = Packet::of(
        &world,
        &hook(&format!(
            "[[collect]]\nsection = \"logs\"\ncollector = \"file\"\npaths = [\"{d}/app.log\"]\n\
             [[collect]]\nsection = \"half\"\ncollector = \"file\"\npaths = [\"{d}/app.log\"]\ntail_bytes = \"11100\"\n\
             [[collect]]\nsection = \"key\"\ncollector = \"file\"\npaths = [\"{d}/server.pem\"]\n\
             [[collect]]\nsection = \"name\"\ncollector = \"file\"\npaths = [\"{d}/ghp_*\"]\n"
        )),
    )
    .await;

    assert_eq!(packet.outcome("logs"), "ok", "{}", packet.words("logs"));
    assert!(
        packet.text("logs").contains("INFO begun") && packet.text("logs").contains("INFO ended")
    );
    let secrets = SECRETS.iter().map(|(.., secret)| *secret);
    let others = [LITERAL, "plain-w", "ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210"];
    for secret in secrets.chain(KEY_LINES).chain(others) {
        assert_eq!(packet.holds(secret), None, "{secret}");
    }
    assert_eq!(
        packet.outcome("key"),
        "denied_by_policy",
        "{}",
        packet.words("key")
    );

    let counted = &packet.section("logs")["files"][0]["redactions"];
    let mut least: BTreeMap<&str, u64> = BTreeMap::from([("literal", 1), ("private-key", 1)]);
    for (kind, ..) in SECRETS {
        *least.entry(kind).or_default() += 1;
    }
    for (kind, count) in least {
        assert!(
            counted[kind].as_u64().unwrap_or(0) >= count,
            "{kind} at least {count}: {counted}"
        );
    }
    let lines = packet.text("logs");
    for (kind, ..) in SECRETS {
        assert!(lines.contains(&format!("[redacted:{kind}]")), "{kind}");
    }
}
