//! How large the binaries are that would be shipped.
use anyhow::Result;

use super::{machine::mib, verdict};
use crate::world::process::binary;

pub fn run() -> Result<()> {
    println!("\nSizes of the binaries beside this one");
    for (name, aim) in [
        ("boathook-agent", Some(12.0)),
        ("boathook-server", None),
        ("boathook", None),
    ] {
        let path = binary(name)?;
        let size = mib(std::fs::metadata(&path)?.len());
        let aim = aim.map_or(String::new(), |aim| {
            format!(", aim {aim} MiB {}", verdict(size, aim))
        });
        println!("  {name:<16} {size:.2} MiB{aim}");
    }
    Ok(())
}
