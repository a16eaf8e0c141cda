//! Points where a test has the process die, to see that the runner finishes what was begun. In a program that was not
//! built for that they are nothing.

/// Dies here when `BOATHOOK_FAULT` is `VERB:POINT`.
#[inline]
pub(super) fn point(verb: &str, point: &str) {
    #[cfg(feature = "faults")]
    if let Ok(wanted) = std::env::var("BOATHOOK_FAULT")
        && wanted == format!("{verb}:{point}")
    {
        tracing::error!(verb, point, "dying as a test asked");
        std::process::abort();
    }
    #[cfg(not(feature = "faults"))]
    let _ = (verb, point);
}
