//! `boathook login` and `logout`.
use std::path::PathBuf;

use boathook_hooks::ids::{Digest, PersonId};
use clap::Args;
use serde_json::json;

use crate::{
    ask,
    client::Client,
    commands::Ctx,
    error::{Error, Result},
    files,
    profile::{self, Profile},
};

const MAX_CA: usize = 1 << 20;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boathook login https://boathook.example.com --person ada
  boathook login https://localhost:8443 --ca demo/ca.pem --person ada < password.txt
  boathook login --show

The password is asked for at the terminal, or read as the first line of stdin; it is never an argument. The token that
the server gives is kept in the config directory, for you alone, until it ends or you log out.")]
pub struct LoginArgs {
    /// The server, such as https://boathook.example.com [default: the one before]
    pub url: Option<String>,
    /// Trust only the certificates in this PEM file instead of the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Who signs in [default: the one before]
    #[arg(long, value_name = "PERSON")]
    pub person: Option<PersonId>,
    /// The fingerprint of the house's first root, compared by another way. Without it the server's is taken and kept.
    #[arg(long, value_name = "SHA256")]
    pub fingerprint: Option<Digest>,
    /// What the sign-in is called in the server's list [default: boathook]
    #[arg(long, default_value = "boathook", hide_default_value = true)]
    pub label: String,
    /// Show who is signed in, and do nothing.
    #[arg(long, conflicts_with_all = ["url", "ca", "person", "fingerprint"])]
    pub show: bool,
}

pub async fn run(ctx: &mut Ctx, args: &LoginArgs) -> Result<()> {
    if args.show {
        return show(ctx).await;
    }
    // A file that does not read is no reason not to sign in anew.
    let before = Profile::load(&ctx.config_dir).ok().flatten();
    let url = args
        .url
        .clone()
        .or_else(|| before.as_ref().map(|b| b.url.clone()));
    let url =
        url.ok_or_else(|| Error::usage("which server?", "give its URL: boathook login https://…"))?;
    let person = args
        .person
        .clone()
        .or_else(|| before.as_ref().map(|b| b.person.clone()));
    let person = person.ok_or_else(|| Error::usage("who signs in?", "give --person PERSON"))?;
    let same = before.filter(|b| b.url == url);
    let ca = match &args.ca {
        Some(path) => Some(files::read_text(path, MAX_CA)?),
        None => same.as_ref().and_then(|b| b.ca.clone()),
    };
    let client = Client::new(&url, ca.as_deref().map(str::as_bytes))?;
    let password = ask::password(&format!("password of {person} at {}", client.origin()))?;
    let signed_in = client
        .sign_in(person.as_str(), &password, &args.label)
        .await?;
    let fingerprint = args
        .fingerprint
        .or_else(|| same.and_then(|b| b.root_fingerprint));
    let client = client.with_token(&signed_in.token);
    let mut rootless = false;
    let (fingerprint, note) = match fingerprint {
        // Someone else's root is a reason not to stay signed in.
        Some(pinned) => {
            client.trust(Some(pinned)).await?;
            (Some(pinned), "")
        }
        None => match client.trust(None).await {
            Ok(Some(trust)) => (
                Some(trust.fingerprint()),
                " (taken from the server now: compare it by another way)",
            ),
            Ok(None) => {
                rootless = true;
                (None, "")
            }
            Err(Error::Problem(_)) => (None, ""),
            Err(error) => return Err(error),
        },
    };
    let profile = Profile {
        url,
        ca,
        person: signed_in.person.clone(),
        token: signed_in.token.clone(),
        expires_at: signed_in.expires_at,
        root_fingerprint: fingerprint,
    };
    profile.save(&ctx.config_dir)?;
    ctx.out.json(&json!({
        "person": profile.person, "url": profile.url, "expires_at": profile.expires_at,
        "roles": signed_in.roles, "root_fingerprint": fingerprint,
    }))?;
    ctx.out.line(format!(
        "signed in as {} at {} until {}",
        profile.person,
        client.origin(),
        profile.expires_at
    ))?;
    if let Some(fingerprint) = fingerprint {
        ctx.out.line(format!("first root {fingerprint}{note}"))?;
    } else if rootless {
        ctx.out
            .line("no root on the server yet: sign in again after `trust import`")?;
    }
    Ok(())
}

async fn show(ctx: &mut Ctx) -> Result<()> {
    let (profile, client) = profile::signed_in(&ctx.config_dir, ctx.now)?;
    let me = client.me().await?;
    ctx.out.json(&json!({
        "person": me.person, "name": me.name, "roles": me.roles, "url": profile.url,
        "expires_at": profile.expires_at, "root_fingerprint": profile.root_fingerprint,
    }))?;
    ctx.out.line(format!(
        "{} ({}) at {} until {}",
        me.person, me.name, profile.url, profile.expires_at
    ))?;
    ctx.out.line(format!("roles {}", me.roles))?;
    if let Some(fingerprint) = profile.root_fingerprint {
        ctx.out.line(format!("first root {fingerprint}"))?;
    }
    Ok(())
}

pub async fn logout(ctx: &mut Ctx) -> Result<()> {
    let Some(profile) = Profile::load(&ctx.config_dir)? else {
        ctx.out.json(&json!({"signed_out": false}))?;
        return ctx.out.line("nobody is signed in");
    };
    // The token is forgotten here even when the server cannot be told.
    let told = profile.client()?.sign_out().await;
    Profile::forget(&ctx.config_dir)?;
    match told {
        Err(Error::Problem(problem)) if problem.status == 401 => {}
        other => other?,
    }
    ctx.out.json(&json!({"signed_out": true}))?;
    ctx.out.line(format!(
        "{} is signed out of {}",
        profile.person, profile.url
    ))
}
