//! To come.
use boathook_hooks::states::HookState;

use crate::engine::{Stop, Tx};

pub(crate) fn follow(_: &mut Tx<'_>, _: u32, _: &HookState) -> Result<(), Stop> {
    Ok(())
}
