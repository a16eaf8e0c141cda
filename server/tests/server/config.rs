//! The config file as the program meets it.
use crate::home::Home;

#[test]
fn an_unknown_key_stops_every_command_and_is_named() {
    let home = Home::new();
    let text = std::fs::read_to_string(home.config()).unwrap();
    for (from, to, named) in [
        ("[tls]", "[tls]\ncertificat = \"x\"", "certificat"),
        ("[limits]", "[limitz]", "limitz"),
        ("data_dir = ", "color = \"red\"\ndata_dir = ", "color"),
    ] {
        std::fs::write(home.config(), text.replace(from, to)).unwrap();
        for command in [&["serve"][..], &["user", "list"], &["migrate"]] {
            let said = home.fails(command);
            assert!(
                said.contains(named) && said.contains("boathook-server.toml"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_by_its_key() {
    let home = Home::new();
    let text = std::fs::read_to_string(home.config()).unwrap();
    for (key, value, named) in [
        ("origin", "\"http://localhost\"", "origin"),
        ("lease_seconds", "0", "agents.lease_seconds"),
        ("filter", "\"=,=\"", "log.filter"),
        ("format", "\"xml\"", "format"),
        ("body_bytes", "\"many\"", "body_bytes"),
        ("store", "\"postgres://x\"", "store"),
    ] {
        home.set(key, value);
        let said = home.fails(&["serve"]);
        assert!(said.contains(named), "{key}: {said}");
        std::fs::write(home.config(), &text).unwrap();
    }
}
