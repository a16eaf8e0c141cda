//! The file name of a packet: customer, ticket, instance, UTC time.
use crate::{documents::hook::Subject, packet::Statement};

/// `acme_MM-1_app-03_20261121T120000.123Z.zip`. Two runs of an instance differ in the time, which has milliseconds.
pub fn packet_name(statement: &Statement) -> String {
    let customer = statement
        .customer
        .as_ref()
        .map_or("no-customer", |c| c.as_str());
    let subject = match &statement.subject {
        Some(Subject::Ticket { key, .. }) => key.as_str(),
        Some(Subject::Problem { signature }) => signature.as_str(),
        Some(Subject::Package { name }) => name.as_str(),
        None => "no-ticket",
    };
    let key = statement.instance_key.id().short();
    let instance = statement
        .instance
        .as_ref()
        .map_or(key.as_str(), |i| i.as_str());
    let ms = statement.started_at.ms().rem_euclid(1000);
    let time = statement
        .started_at
        .stamp()
        .strftime("%Y%m%dT%H%M%S")
        .to_string();
    format!(
        "{}_{}_{}_{time}.{ms:03}Z.zip",
        plain(customer),
        plain(subject),
        plain(instance)
    )
}

/// At most 64 characters that every file system takes; `_` parts the name and stands nowhere else.
fn plain(text: &str) -> String {
    let mapped = text.chars().take(64).map(|c| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    });
    mapped
        .collect::<String>()
        .trim_start_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::statement::tests::sample;

    #[test]
    fn the_name_tells_customer_ticket_instance_and_time() {
        assert_eq!(
            packet_name(&sample()),
            "acme_MM-1_i-1_20231114T221320.000Z.zip"
        );
    }

    #[test]
    fn a_packet_made_offline_has_a_name_too() {
        let offline = Statement {
            customer: None,
            instance: None,
            subject: None,
            ..sample()
        };
        let fingerprint = offline.instance_key.id().short();
        assert_eq!(
            packet_name(&offline),
            format!("no-customer_no-ticket_{fingerprint}_20231114T221320.000Z.zip")
        );
    }

    #[test]
    fn a_ticket_key_cannot_leave_the_name() {
        let odd = Statement {
            subject: Some(Subject::Ticket {
                system: "x".into(),
                key: "../../a b/ü".into(),
                url: None,
            }),
            ..sample()
        };
        assert_eq!(
            packet_name(&odd),
            "acme_-..-a-b--_i-1_20231114T221320.000Z.zip"
        );
    }
}
