//! What is wrong between the entries and the signed statement.
use super::*;

#[test]
fn contents_that_differ_from_the_statement_are_refused() {
    let said =
        refused(|z| *z.entry("logs/app.log") = Entry::new("logs/app.log", b"one\ntwo\nTHREE\n"));
    assert!(
        said.contains("SHA-256") && said.contains("logs/app.log"),
        "{said}"
    );
    let said = refused(|z| *z.entry("logs/app.log") = Entry::new("logs/app.log", b"one\n"));
    assert!(said.contains("has 4 bytes; expected 14"), "{said}");
    let said = refused(|z| *z.entry("redactions.json") = Entry::new("redactions.json", b"{}"));
    assert!(said.contains("redactions.json"), "{said}");
}

#[test]
fn unlisted_and_missing_entries_are_refused() {
    assert!(
        refused(|z| z.entries.push(Entry::new("logs/more", b"x")))
            .contains("\"logs/more\" is not listed")
    );
    assert!(refused(|z| z.entries.push(Entry::new("more", b""))).contains("not listed"));
    for name in ["logs/app.log", REDACTIONS, STATEMENT, ENVELOPE] {
        let said = refused(|z| z.entries.retain(|e| e.central.name != name.as_bytes()));
        assert!(said.contains(&format!("no entry {name:?}")), "{said}");
    }
}

#[test]
fn a_statement_that_lists_a_file_twice_or_in_another_folder_is_refused() {
    let said = refused_statement(|s, _| {
        let twin = s.sections[0].files[0].clone();
        s.sections[0].files.push(twin);
    });
    assert!(said.contains("lists \"logs/app.log\" twice"), "{said}");
    let said = refused_statement(|s, _| {
        let file = s.sections[0].files.remove(0);
        s.sections[1].files.push(file);
    });
    assert!(said.contains("not in the folder of its section"), "{said}");
    let said = refused_statement(|s, _| {
        let file = s.sections[0].files.remove(0);
        s.files.push(file);
    });
    assert!(said.contains("folder"), "{said}");
    let said = refused_statement(|s, _| {
        let twin = Section {
            files: vec![],
            ..s.sections[0].clone()
        };
        s.sections.push(twin);
    });
    assert!(said.contains("section \"logs\" twice"), "{said}");
}

#[test]
fn a_statement_of_another_key_or_with_other_bytes_is_refused() {
    let other = SecretKey::from_seed(&[9; 32]);
    let statement =
        |files: &[(String, Vec<u8>)]| files.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    let mut forged = files();
    let payload = statement(&forged);

    resign(&mut forged, &payload, &[&other], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signature { .. })
    ));
    assert!(matches!(
        check_unknown(&mut Cursor::new(Zip::of(&forged).bytes()), LIMITS),
        Err(CheckError::Signature { .. })
    ));

    resign(&mut forged, &payload, &[], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signatures(0))
    ));
    resign(
        &mut forged,
        &payload,
        &[&key(), &other],
        PACKET_PAYLOAD_TYPE,
    );
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Signatures(2))
    ));

    resign(
        &mut forged,
        &payload,
        &[&key()],
        "application/vnd.boathook.receipt.v1+bson",
    );
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Envelope(EnvelopeError::OtherType { .. }))
    ));

    // The envelope signs one statement, the zip shows another.
    let mut shown = files();
    shown
        .iter_mut()
        .filter(|f| f.0 == STATEMENT)
        .for_each(|f| f.1.push(b' '));
    assert!(matches!(
        verdict(&Zip::of(&shown).bytes()),
        Err(CheckError::OtherPayload)
    ));

    // Signed by the right key, naming another.
    let said = refused_statement(|s, _| s.instance_key = other.public());
    assert!(said.contains("names another key"), "{said}");
}

#[test]
fn a_statement_with_unknown_fields_is_refused() {
    let mut forged = files();
    let payload = forged.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    let more = String::from_utf8(payload)
        .unwrap()
        .replacen('{', "{\"extra\":1,", 1);
    resign(&mut forged, more.as_bytes(), &[&key()], PACKET_PAYLOAD_TYPE);
    assert!(matches!(
        verdict(&Zip::of(&forged).bytes()),
        Err(CheckError::Statement(_))
    ));
}

#[test]
fn a_statement_that_is_too_large_is_refused_before_it_is_unpacked() {
    let mut forged = files();
    let mut payload = forged.iter().find(|f| f.0 == STATEMENT).unwrap().1.clone();
    payload.extend(std::iter::repeat_n(b' ', MAX_STATEMENT));
    resign(&mut forged, &payload, &[&key()], PACKET_PAYLOAD_TYPE);
    let said = verdict(&Zip::of(&forged).bytes()).unwrap_err().to_string();
    assert!(
        said.contains("\"packet.json\" is larger than a statement can be"),
        "{said}"
    );
}

#[test]
fn a_packet_of_another_hook_claim_instance_or_customer_is_refused() {
    let packet = verdict(&honest()).unwrap();
    let statement = packet.statement().clone();
    let (hook, claim) = (statement.hook.unwrap().digest, statement.claim.unwrap());
    let (instance, customer) = (statement.instance.unwrap(), statement.customer.unwrap());
    let right = Expected {
        hook: &hook,
        claim: &claim,
        instance: &instance,
        customer: &customer,
    };
    packet.expect(&right).unwrap();
    let other_claim = ClaimId {
        reservation: 2,
        ..claim.clone()
    };
    let (other_hook, other_instance, other_customer) = (
        Digest::of(b"x"),
        "i-2".parse().unwrap(),
        "other".parse().unwrap(),
    );
    for (what, wrong) in [
        (
            "hook",
            Expected {
                hook: &other_hook,
                ..right.clone()
            },
        ),
        (
            "claim",
            Expected {
                claim: &other_claim,
                ..right.clone()
            },
        ),
        (
            "instance",
            Expected {
                instance: &other_instance,
                ..right.clone()
            },
        ),
        (
            "customer",
            Expected {
                customer: &other_customer,
                ..right.clone()
            },
        ),
    ] {
        let said = packet.expect(&wrong).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("the packet is of another {what}")),
            "{said}"
        );
    }
}
