//! What ties a key to its machine: hashes of machine-id and of the DMI UUID.
use boathook_hooks::ids::Digest;
use serde::{Deserialize, Serialize};

/// None where the machine (or its permissions) does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub machine_id: Option<Digest>,
    pub dmi_uuid: Option<Digest>,
}

impl Machine {
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Self::of(
            read("/etc/machine-id")
                .or_else(|| read("/var/lib/dbus/machine-id"))
                .as_deref(),
            // Readable for root alone on most systems.
            read("/sys/class/dmi/id/product_uuid").as_deref(),
        )
    }

    fn of(machine_id: Option<&str>, dmi_uuid: Option<&str>) -> Self {
        // The ids themselves are not kept: others derive keys from machine-id.
        let hash = |what: &str, text: Option<&str>| {
            let text = text
                .map(|t| t.trim().to_ascii_lowercase())
                .filter(|t| !t.is_empty())?;
            Some(Digest::of(format!("boathook {what} v1\n{text}").as_bytes()))
        };
        Self {
            machine_id: hash("machine-id", machine_id),
            dmi_uuid: hash("dmi-uuid", dmi_uuid),
        }
    }

    /// What changed since `self` was written down, in words. A DMI UUID counts only where both could read it, since
    /// enrolling as root and running as another user sees it once.
    pub fn changed(&self, now: &Machine) -> Option<&'static str> {
        if self.machine_id != now.machine_id && self.machine_id.is_some() {
            return Some("machine-id");
        }
        match (self.dmi_uuid, now.dmi_uuid) {
            (Some(then), Some(now)) if then != now => Some("DMI UUID"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_id_or_dmi_uuid_is_a_change() {
        let here = Machine::of(Some("abc\n"), Some("UUID-1"));
        assert_eq!(
            here.changed(&Machine::of(Some("abc"), Some("uuid-1\n"))),
            None
        );
        assert_eq!(
            here.changed(&Machine::of(Some("abd"), Some("uuid-1"))),
            Some("machine-id")
        );
        assert_eq!(here.changed(&Machine::of(None, None)), Some("machine-id"));
        assert_eq!(
            here.changed(&Machine::of(Some("abc"), Some("uuid-2"))),
            Some("DMI UUID")
        );
        assert_eq!(here.changed(&Machine::of(Some("abc"), None)), None);
    }
}
