//! Signing a hook that is on the server: fetch its bytes, check them, show what they say, ask, sign.
use boathook_hooks::{
    documents::{Document as _, hook::Hook, root::Bounds},
    envelope::Envelope,
    ids::HookId,
};
use clap::Args;

use super::show::tell;
use crate::{
    client::Client,
    commands::{
        Ctx,
        sign::{self, KeyArgs},
    },
    describe::Parsed,
    error::{Error, Result},
    keyfile,
    profile::Profile,
};

#[derive(Debug, Args)]
pub struct SignHookArgs {
    /// The hook's id, as `boathook hook list` shows it.
    pub id: HookId,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Which revision [default: the newest]
    #[arg(long)]
    pub revision: Option<u32>,
    /// Do not publish, even when this is the last signature.
    #[arg(long)]
    pub hold: bool,
}

/// The bounds of the house's root, which decide the reach that is shown; none where the server has no root yet.
async fn bounds(ctx: &mut Ctx, profile: &Profile, client: &Client) -> Result<Option<Bounds>> {
    match client.trust(profile.root_fingerprint).await? {
        Some(trust) => {
            // Where the first sign-in came before the root, the root is kept from now on.
            if profile.root_fingerprint.is_none() {
                let seen = Profile {
                    root_fingerprint: Some(trust.fingerprint()),
                    ..profile.clone()
                };
                seen.save(&ctx.config_dir)?;
            }
            Ok(Some(trust.root().bounds.clone()))
        }
        None => Ok(None),
    }
}

/// Signs a hook on the server: the command `hook sign`, and `sign` with a hook's id.
pub async fn sign_one(
    ctx: &mut Ctx,
    profile: &Profile,
    client: &Client,
    args: &SignHookArgs,
) -> Result<()> {
    let key = keyfile::load(&args.key.key)?;
    let seen = client.hook(args.id.as_str()).await?;
    let revision = args.revision.unwrap_or(seen.revision);
    let expected = seen.digest.filter(|_| revision == seen.revision);
    if revision == seen.revision && matches!(seen.state_word().as_str(), "draft" | "sent back") {
        let next = format!("submit it: boathook hook submit {}", args.id);
        return Err(Error::failed(
            "the hook is not in review yet, so its bytes may still change",
            next,
        ));
    }
    let payload = client.payload(args.id.as_str(), revision, expected).await?;
    let so_far = client.hook_envelope(args.id.as_str(), revision).await.ok();
    let signed_before =
        so_far.is_some_and(|e| e.payload.0 == payload.bytes && e.is_signed_by(&key.public()));
    // To hold it is something new.
    if signed_before && !args.hold {
        ctx.out.json(&seen)?;
        ctx.out.line(sign::SIGNED_BEFORE)?;
        return tell(ctx, &seen);
    }
    let bounds = bounds(ctx, profile, client).await?;
    let envelope = Envelope::unsigned(Hook::PAYLOAD_TYPE, payload.bytes.clone());
    let parsed = Parsed::Hook(Box::new(payload.hook.clone()));
    if !sign::consent(
        ctx,
        &parsed,
        &envelope,
        bounds.as_ref(),
        &args.key,
        &key.public().id(),
    )? {
        return Err(Error::failed(
            "nothing was signed",
            format!(
                "send it back with words: boathook hook send-back {}",
                args.id
            ),
        ));
    }
    let view = client.sign_hook(&payload, &key, args.hold).await?;
    ctx.out.json(&view)?;
    ctx.out
        .line(format!("signed with the key {}", key.public().id().short()))?;
    tell(ctx, &view)
}
