//! `init`: config file (if there is none), data directory, keys, store. Prints the online public key.
use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path, path::PathBuf};

use anyhow::{Context as _, bail};
use boathook_hooks::time::Time;
use serde::Serialize;

use crate::{cli::out::Out, config::Config, keys::Keys, people::set_up::link, tls};

#[derive(clap::Args)]
pub struct Args {
    /// Write the config file, which must not be there yet, with this origin: https://HOST[:PORT].
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// The data directory of a new config file.
    #[arg(long, value_name = "DIR", requires = "origin")]
    data_dir: Option<PathBuf>,
    /// Where a new config file says to listen. Default: all addresses, at the origin's port.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "origin")]
    listen: Option<std::net::SocketAddr>,
    /// Where a new config file says to listen for health and metrics, without TLS. Default: 127.0.0.1:9443.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "origin")]
    ops_listen: Option<std::net::SocketAddr>,
    /// The store of a new config file: cql://HOST/KEYSPACE?… for several servers. Default: a folder in the data directory.
    #[arg(long, value_name = "URL", requires = "origin")]
    store: Option<String>,
    /// The file of the operator's secret, in a new config file: seals the keys that servers share.
    #[arg(long, value_name = "FILE", requires = "origin")]
    operator_secret: Option<PathBuf>,
    /// The new config file says that TLS is self-signed: for a demo.
    #[arg(long, requires = "origin")]
    self_signed: bool,
}

#[derive(Serialize)]
struct Made {
    config: PathBuf,
    data_dir: PathBuf,
    online_key: String,
    /// False when this server joined others, whose keys it shares.
    new_keys: bool,
    store_version: u32,
    ca: Option<PathBuf>,
    /// Where the first admin is made in a browser, once and within 24 hours. None when this server joined others.
    set_up: Option<String>,
}

const SAMPLE: &str = include_str!("../../boathook-server.toml");

pub async fn run(path: &Path, args: Args, out: &Out) -> anyhow::Result<()> {
    if let Some(origin) = &args.origin {
        write_config(path, origin, &args)?;
    }
    let config = Config::read(path).context(
        "no settings yet: give --origin https://HOST[:PORT], and --data-dir DIR, to write them",
    )?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("cannot make {}", config.data_dir.display()))?;
    Keys::refuse_files(&config)?;
    let migrated = boathook_schema::migrate(&config.store_url(), boathook_schema::Migrate::Up)
        .await
        .context(super::migrate::STORE)?;
    let store = crate::open_store(&config).await?;
    let (keys, new_keys) = Keys::make(&config, &store, Time::wall_clock()).await?;
    let ca = match config.tls.self_signed {
        true => {
            tls::ca_pem(&config)?;
            Some(config.data_dir.join("tls").join("ca.pem"))
        }
        false => None,
    };
    let set_up = match new_keys {
        true => {
            let link = link(&store, &config.origin, Time::wall_clock(), false).await;
            Some(link.map_err(super::words)?.url)
        }
        false => None,
    };
    let made = Made {
        config: path.to_owned(),
        data_dir: config.data_dir.clone(),
        online_key: keys.online_public().to_string(),
        new_keys,
        store_version: migrated.to,
        ca,
        set_up,
    };
    out.show(&made, |made| {
        let ca = made
            .ca
            .as_ref()
            .map(|ca| format!("CA of the demo   {}\n", ca.display()));
        let next = match made.new_keys {
            true => format!("boathook root new --online {}", made.online_key),
            false => {
                "boathook-server serve; the keys are those of the servers that share this store"
                    .to_owned()
            }
        };
        let set_up = made
            .set_up
            .as_ref()
            .map(|url| format!("\nThe first admin  {url}\n                 once, within 24 hours, when the server runs\n"));
        format!(
            "config           {}\ndata             {}\n{}online key       {}\n{}\nNext: {next}",
            made.config.display(),
            made.data_dir.display(),
            ca.unwrap_or_default(),
            made.online_key,
            set_up.unwrap_or_default(),
        )
    })
}

/// The sample with the given values; never over a file that is there.
fn write_config(path: &Path, origin: &str, args: &Args) -> anyhow::Result<()> {
    if path.exists() {
        bail!(
            "{} is there already; leave --origin out to use it",
            path.display()
        );
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let data_dir = args
        .data_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from("/var/lib/boathook-server"));
    let data_dir = std::path::absolute(&data_dir).context("the data directory's path")?;
    let listen = match args.listen {
        Some(listen) => listen.to_string(),
        None => format!("[::]:{}", port_of(origin).unwrap_or(443)),
    };
    let lines = SAMPLE.lines().map(|line| {
        let value = match line.split_once(" = ").map(|(key, _)| key) {
            Some("data_dir") => quoted(&data_dir.display().to_string()),
            Some("origin") => quoted(origin),
            Some("store") => quoted(args.store.as_deref().unwrap_or_default()),
            Some("operator_secret") => match &args.operator_secret {
                Some(file) => quoted(
                    &std::path::absolute(file)
                        .unwrap_or_else(|_| file.clone())
                        .display()
                        .to_string(),
                ),
                None => quoted(""),
            },
            Some("listen") if line.contains(":8443") => quoted(&listen),
            Some("listen") => match args.ops_listen {
                Some(ops) => quoted(&ops.to_string()),
                None => return line.to_owned(),
            },
            Some("certificate" | "key") if args.self_signed => quoted(""),
            Some("self_signed") => args.self_signed.to_string(),
            _ => return line.to_owned(),
        };
        let key = line.split(" = ").next().unwrap_or_default();
        format!("{key} = {value}")
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    let config = Config::parse(&text, path)?;
    if Keys::folder(&config.data_dir).exists() {
        bail!(
            "there are keys in {} already; they are never overwritten",
            config.data_dir.display()
        );
    }
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn port_of(origin: &str) -> Option<u16> {
    origin.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_written_config_is_the_sample_with_the_values_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a").join("boathook-server.toml");
        let args = Args {
            origin: None,
            data_dir: Some(dir.path().join("data")),
            listen: None,
            store: Some("cql://10.0.0.1/boathook".into()),
            operator_secret: Some("/run/secret".into()),
            ops_listen: Some(([127, 0, 0, 1], 9876).into()),
            self_signed: true,
        };
        write_config(&path, "https://localhost:9999", &args).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.origin, "https://localhost:9999");
        assert_eq!(config.listen.port(), 9999);
        assert_eq!(config.ops.listen.map(|a| a.port()), Some(9876));
        assert_eq!(config.data_dir, dir.path().join("data"));
        assert_eq!(config.store, "cql://10.0.0.1/boathook");
        assert_eq!(config.operator_secret, Path::new("/run/secret"));
        assert!(config.tls.self_signed);
        assert!(write_config(&path, "https://localhost:9999", &args).is_err());
    }
}
