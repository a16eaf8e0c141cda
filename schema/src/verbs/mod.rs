//! Every verb of the store, one aggregate a file. A write says `Answer<T>`; a read says `Result<T, StoreError>`, and
//! what the caller's scope does not hold is as if it were not there.
mod claims;
mod control;
mod customers;
mod erasing;
mod events;
mod hooks;
mod instances;
mod packets;
mod people;
mod revisions;
mod sealed;
mod tickets;
mod trust;
mod work;

pub(crate) type Read<T> = Result<T, crate::error::StoreError>;

/// A verb's signature and words; its body stands with its aggregate, once for all backends.
macro_rules! verbs {
    ($( $(#[$doc:meta])* fn $name:ident ( $($arg:ident : $ty:ty),* $(,)? ) -> $ret:ty; )*) => {
        impl $crate::Store { $(
            $(#[$doc])*
            // A verb that takes many words takes them once, here and in its body.
            #[allow(clippy::too_many_arguments)]
            pub async fn $name(&self, $($arg: $ty),*) -> $ret {
                self.0.$name($($arg),*).await
            }
        )* }
    };
}
pub(crate) use verbs;
