//! Every verb of the store, one aggregate a file. A write says `Answer<T>`; a read says `Result<T, StoreError>`, and
//! what the caller's scope does not hold is as if it were not there.
mod claims;
mod control;
mod customers;
mod events;
mod hooks;
mod instances;
mod packets;
mod people;
mod revisions;
mod tickets;
mod trust;

pub(crate) type Read<T> = Result<T, crate::error::StoreError>;

/// A verb's signature and words; the body hands it to the backend that is open.
macro_rules! verbs {
    ($( $(#[$doc:meta])* fn $name:ident ( $($arg:ident : $ty:ty),* $(,)? ) -> $ret:ty; )*) => {
        impl $crate::Store { $(
            $(#[$doc])*
            // A verb that takes many words takes them once, here and in each backend.
            #[allow(clippy::too_many_arguments)]
            pub async fn $name(&self, $($arg: $ty),*) -> $ret {
                match self {
                    Self::Embedded(store) => store.$name($($arg),*).await,
                    Self::Rows(store) => store.$name($($arg),*).await,
                }
            }
        )* }
        /// Verbs that the rows do not have yet.
        #[allow(clippy::too_many_arguments, unused_variables, dead_code, async_fn_in_trait)]
        trait Pending { $(
            async fn $name(&self, $($arg: $ty),*) -> $ret { Err($crate::StoreError::Closed) }
        )* }
        impl Pending for $crate::engine::Engine {}
    };
}
pub(crate) use verbs;
