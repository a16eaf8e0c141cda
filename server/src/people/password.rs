//! Passwords: Argon2id in PHC form. Slow on purpose, so never on an async thread.
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

use tokio::sync::Semaphore;

use crate::errors::{Answer, Problem};

/// Each hashing takes 19 MiB: whoever asks from many addresses at once must not take all memory.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

/// Fewer characters than this are refused.
pub const SHORTEST: usize = 8;
/// More bytes than this are refused before any hashing.
pub const LONGEST: usize = 1_024;

/// Whether a new password is taken, or why not.
pub fn check(password: &str) -> Answer<()> {
    let wanted = "8 characters or more";
    if password.chars().count() < SHORTEST {
        return Err(Problem::field(
            "password",
            "the password is too short",
            wanted,
        ));
    }
    if password.len() > LONGEST {
        return Err(Problem::field(
            "password",
            "the password is too long",
            "at most 1024 bytes",
        ));
    }
    Ok(())
}

/// The PHC string of a new password, or why it is not taken.
pub async fn hash(password: String) -> Answer<String> {
    check(&password)?;
    let _turn = AT_ONCE.acquire().await;
    let work = move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|h| h.to_string())
    };
    let hashed = tokio::task::spawn_blocking(work).await;
    hashed
        .map_err(|e| Problem::internal("hashing a password", e))?
        .map_err(|e| Problem::internal("hashing a password", e))
}

/// Whether `password` is that of `stored`. Takes as long when there is none, so that time tells nothing.
pub async fn verify(password: String, stored: Option<String>) -> bool {
    // The hash of a random password that nobody has.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Ck8mK1l7Q4v8Y1bHqv0n6m1kZ5v5Wv8nXnJzq0kq7xE";
    if password.len() > LONGEST {
        return false;
    }
    let known = stored.is_some();
    let _turn = AT_ONCE.acquire().await;
    let work = move || {
        let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
        PasswordHash::new(&stored).is_ok_and(|h| {
            Argon2::default()
                .verify_password(password.as_bytes(), &h)
                .is_ok()
        })
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(false) && known
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let stored = hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse".into(), Some(stored.clone())).await);
        assert!(!verify("correct horsf".into(), Some(stored)).await);
        assert!(!verify("correct horse".into(), None).await);
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        assert_eq!(
            hash("1234567".into()).await.unwrap_err().field.unwrap(),
            "password"
        );
        assert!(hash("x".repeat(LONGEST + 1)).await.is_err());
    }

    #[test]
    fn the_hash_of_nobody_is_well_formed() {
        let text = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Ck8mK1l7Q4v8Y1bHqv0n6m1kZ5v5Wv8nXnJzq0kq7xE";
        assert!(PasswordHash::new(text).is_ok());
    }
}
