//! `keys`: the keys that all servers of a store share.
use std::path::PathBuf;

use boathook_hooks::time::Time;
use boathook_schema::Store;
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::out::Out,
    config::Config,
    keys::{BEARER_LIFE, Keys, OperatorSecret},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Where the keys are and since when which of them are in use; no secrets.
    Show,
    /// Make new MAC keys for all servers: used from a minute later on, while the older ones still open what they made.
    Rotate,
    /// Bring the keys of this data directory into the store, sealed by the operator's secret, for more servers to share.
    Seal,
    /// Seal the keys in the store by the operator's secret that the settings name now.
    Reseal {
        /// The file of the secret that they are sealed by.
        #[arg(long, value_name = "FILE")]
        old: PathBuf,
    },
}

#[derive(Serialize)]
struct View {
    online_key: String,
    shared: bool,
    macs: Vec<MacsView>,
}

#[derive(Serialize)]
struct MacsView {
    from: Option<Time>,
    /// When no bearer of theirs counts any more.
    bearers_until: Option<Time>,
}

fn view(keys: &Keys) -> View {
    let ring = keys.ring();
    let next = ring.macs().iter().skip(1).map(|m| Some(m.from));
    let macs = ring.macs().iter().zip(next.chain([None]));
    View {
        online_key: ring.online.public().to_string(),
        shared: keys.are_shared(),
        macs: macs
            .map(|(m, end)| MacsView {
                from: Some(m.from).filter(|at| at.ms() > 0),
                bearers_until: end.map(|at| at.plus_ms(BEARER_LIFE)),
            })
            .collect(),
    }
}

fn words(view: &View) -> String {
    let place = match view.shared {
        true => "in the store, shared by all servers",
        false => "in files, for this server alone",
    };
    let mut text = format!("online key   {}\nkept         {place}", view.online_key);
    for macs in &view.macs {
        let from = macs
            .from
            .map_or_else(|| "the beginning".to_owned(), |at| at.to_string());
        let until = macs
            .bearers_until
            .map_or_else(String::new, |at| format!(", bearers until {at}"));
        text.push_str(&format!("\nMAC keys     from {from}{until}"));
    }
    text
}

/// Works beside servers that run; they read new keys within some seconds.
pub async fn run(config: &Config, command: Command, out: &Out) -> anyhow::Result<()> {
    let store: Store = crate::open_store(config).await?;
    let now = Time::wall_clock();
    match command {
        Command::Show => out.show(&view(&Keys::open(config, &store).await?), words),
        Command::Rotate => {
            let from = Keys::open(config, &store).await?.rotate(&store, now).await?;
            out.show(&json!({"from": from}), |_| {
                format!("new MAC keys, used from {from} on; what the older ones made stays good for its life")
            })
        }
        Command::Seal => out.show(&view(&Keys::seal_files(config, &store, now).await?), |v| {
            format!(
                "{}\nThe files in {} are not used any more: keep them away from others, or delete them.",
                words(v),
                Keys::folder(&config.data_dir).display()
            )
        }),
        Command::Reseal { old } => {
            Keys::reseal(config, &store, &OperatorSecret::read(&old)?, now).await?;
            out.show(&json!({"resealed": true}), |_| {
                "the keys are sealed by the new secret: restart the servers with it".to_owned()
            })
        }
    }
}
