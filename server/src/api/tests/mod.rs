//! The JSON API through the real router.
