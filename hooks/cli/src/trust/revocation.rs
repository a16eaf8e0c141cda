//! Revocations: numbered per revoker, from the last one on.
use boathook_hooks::{
    documents::revocation::{Revocation, Revoked},
    keys::SecretKey,
    time::Time,
};

use crate::error::{Error, Result};

/// The next revocation of this revoker; `last` is the number of the one before, 0 for none.
pub fn new_revocation(
    revoker: &SecretKey,
    last: u64,
    revoked: Revoked,
    reason: &str,
    now: Time,
) -> Result<Revocation> {
    if reason.trim().is_empty() {
        return Err(Error::usage(
            "a revocation needs a reason",
            "give it with --reason; those whom it stops read it",
        ));
    }
    Ok(Revocation {
        revoker: revoker.public().id(),
        number: last + 1,
        issued_at: now,
        revoked,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_follows_the_last_and_has_a_reason() {
        let key = SecretKey::from_seed(&[1; 32]);
        let what = || Revoked::Person("ada".parse().unwrap());
        let made = new_revocation(&key, 4, what(), "left", Time::from_ms(1)).unwrap();
        assert_eq!((made.number, made.revoker), (5, key.public().id()));
        assert!(new_revocation(&key, 4, what(), " ", Time::from_ms(1)).is_err());
    }
}
