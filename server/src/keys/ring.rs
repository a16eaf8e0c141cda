//! The keys in use: one to sign, and MAC keys of which the newest makes and the older ones still open.
use boathook_hooks::{
    keys::SecretKey,
    time::{DAY, HOUR, MINUTE, Time},
};
use zeroize::Zeroizing;

use super::{KeysError, MacKey};

/// The longest lives that the settings allow, and a minute for clocks that differ.
pub const BEARER_LIFE: i64 = HOUR + MINUTE;
/// A token is in a hook list.
pub const TOKEN_LIFE: i64 = DAY + MINUTE;
/// From a rotation until the new keys make anything: by then all servers have read them.
const AHEAD: i64 = MINUTE;

/// MAC keys that are made together.
pub struct Macs {
    /// From then on these keys make; before, and until the next ones' moment and a life, they open.
    pub from: Time,
    /// Hook tokens: (hook, instance) → token.
    pub token: MacKey,
    /// Challenges of sessions.
    pub challenge: MacKey,
    /// Bearers of sessions.
    pub bearer: MacKey,
}

impl Macs {
    pub(super) fn generate(from: Time) -> Result<Self, KeysError> {
        let key = || {
            let mut key = Zeroizing::new([0u8; 32]);
            getrandom::fill(key.as_mut()).map_err(KeysError::Random)?;
            Ok::<_, KeysError>(key)
        };
        Ok(Self {
            from,
            token: key()?,
            challenge: key()?,
            bearer: key()?,
        })
    }
}

pub struct Ring {
    /// Signs hook lists and receipts; the root names its public half.
    pub online: SecretKey,
    /// Oldest first, never empty.
    macs: Vec<Macs>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Keys(online {:?}, the rest hidden)",
            self.online.public()
        )
    }
}

impl Ring {
    pub(super) fn new(online: SecretKey, first: Macs, later: Vec<Macs>) -> Self {
        let mut macs = vec![first];
        macs.extend(later);
        Self { online, macs }
    }

    pub(super) fn generate() -> Result<Self, KeysError> {
        let first = Macs::generate(Time::from_ms(0))?;
        Ok(Self::new(SecretKey::generate()?, first, Vec::new()))
    }

    /// Keys for tests only.
    pub fn ephemeral(online: SecretKey) -> Self {
        let first = Macs {
            from: Time::from_ms(0),
            token: Zeroizing::new([1; 32]),
            challenge: Zeroizing::new([2; 32]),
            bearer: Zeroizing::new([3; 32]),
        };
        Self::new(online, first, Vec::new())
    }

    pub fn macs(&self) -> &[Macs] {
        &self.macs
    }

    /// The keys that make what is made at `now`.
    pub fn current(&self, now: Time) -> &Macs {
        let newest = self.macs.iter().rev().find(|m| m.from <= now);
        newest.unwrap_or(&self.macs[0])
    }

    /// The keys that may have made what lives for `life`, newest first: also those of a server whose clock is ahead.
    pub fn accepted(&self, now: Time, life: i64) -> impl Iterator<Item = &Macs> {
        let next = self.macs.iter().skip(1).map(|m| Some(m.from));
        let ends = next.chain([None]);
        let all: Vec<_> = self.macs.iter().zip(ends).collect();
        all.into_iter()
            .rev()
            .filter(move |(_, end)| end.is_none_or(|end| now < end.plus_ms(life)))
            .map(|(macs, _)| macs)
    }

    /// Adds keys that make from a minute after `now` on, and drops those that nothing alive was made with. Says since when.
    pub(super) fn rotate(&mut self, now: Time) -> Result<Time, KeysError> {
        let kept = self.accepted(now, TOKEN_LIFE).count();
        self.macs.drain(..self.macs.len() - kept);
        let newest = self.macs.last().map_or(now, |m| m.from);
        let from = now.plus_ms(AHEAD).max(newest.plus_ms(1));
        self.macs.push(Macs::generate(from)?);
        Ok(from)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_older_keys_open_for_as_long_as_what_they_made_lives() {
        let mut ring = Ring::ephemeral(SecretKey::from_seed(&[7; 32]));
        let now = Time::from_ms(1_700_000_000_000);
        let old = *ring.current(now).bearer;
        let from = ring.rotate(now).unwrap();
        assert_eq!(
            *ring.current(now).bearer,
            old,
            "not all servers know it yet"
        );
        assert_eq!(ring.accepted(now, BEARER_LIFE).count(), 2);
        assert_ne!(*ring.current(from).bearer, old);
        let last = from.plus_ms(BEARER_LIFE - 1);
        assert_eq!(ring.accepted(last, BEARER_LIFE).count(), 2);
        assert_eq!(
            *ring.accepted(last, BEARER_LIFE).last().unwrap().bearer,
            old
        );
        let over = from.plus_ms(BEARER_LIFE);
        assert_eq!(ring.accepted(over, BEARER_LIFE).count(), 1);
        assert_eq!(ring.accepted(over, TOKEN_LIFE).count(), 2);
        ring.rotate(from.plus_ms(TOKEN_LIFE)).unwrap();
        assert_eq!(
            ring.macs().len(),
            2,
            "what nothing alive was made with goes"
        );
    }

    #[test]
    fn debug_hides_the_secrets() {
        let shown = format!("{:?}", Ring::ephemeral(SecretKey::from_seed(&[7; 32])));
        assert!(
            shown.contains("hidden") && !shown.contains("3, 3"),
            "{shown}"
        );
    }
}
