//! The same store on a cluster: copied there as `boathook-server store copy` does.
use std::{path::Path, time::Instant};

use anyhow::Result;
use boathook_schema::{CopyError, CopyOptions, Migrate, Store};
use boathook_server::open_store;

use crate::house::{House, config};

/// `address` as the tests take it: `cql://HOST[:PORT][,HOST…]/[?OPTIONS]`. Packet objects stay where they are.
pub async fn open(dir: &Path, address: &str) -> Result<House> {
    let (hosts, options) = address.split_once('?').unwrap_or((address, "replicas=1"));
    let (hosts, name) = (hosts.trim_end_matches('/'), House::name(dir)?);
    let objects = dir.join("store");
    let url = format!(
        "{hosts}/boathook_pages?{options}&prefix={name}&objects_dir={}",
        objects.display()
    );
    boathook_schema::migrate(&url, Migrate::Up).await?;
    let own = open_store(&config(dir, None)).await?;
    let to = Store::open(&url).await?;
    let begun = Instant::now();
    let options = CopyOptions {
        from: name,
        same_objects: true,
    };
    match own.copy_to(&to, &options, |_| {}).await {
        Ok(_) => println!(
            "copied to {hosts} in {:.0} s",
            begun.elapsed().as_secs_f64()
        ),
        Err(CopyError::Done { .. }) => println!("{hosts} has a copy already"),
        Err(error) => return Err(error.into()),
    }
    drop((own, to));
    House::open(dir, Some(&url)).await
}
