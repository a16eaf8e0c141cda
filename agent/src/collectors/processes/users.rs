//! Names of users, as the machine's own /etc/passwd has them.
use std::{collections::HashMap, fs::File, io::Read};

/// Read of /etc/passwd at most.
const MOST: u64 = 1 << 20;

pub struct Users(HashMap<u32, String>);

impl Users {
    pub fn read() -> Self {
        let mut text = String::new();
        if let Ok(file) = File::open("/etc/passwd") {
            // What cannot be read leaves numbers in the place of names.
            let _ = file.take(MOST).read_to_string(&mut text);
        }
        Self::parse(&text)
    }

    fn parse(passwd: &str) -> Self {
        let mut out = HashMap::new();
        for line in passwd.lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1))
                && let Ok(uid) = uid.parse()
            {
                out.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        Self(out)
    }

    /// The number where there is no name.
    pub fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts() {
        let users = Users::parse(
            "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\nann:x:1000:1000::/:/\n",
        );
        assert_eq!(
            [users.name(0), users.name(1000), users.name(7)],
            ["root", "ann", "7"]
        );
    }
}
