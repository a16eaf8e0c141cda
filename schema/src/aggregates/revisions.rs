//! To come.
use crate::{
    Revision,
    engine::{Stop, Tx},
};

pub(crate) fn open_revision(_: &mut Tx<'_>, _: &Revision, _: u32) -> Result<(), Stop> {
    Ok(())
}

pub(crate) fn supersede(_: &mut Tx<'_>, _: u32) -> Result<(), Stop> {
    Ok(())
}

pub(crate) fn note(_: &mut Tx<'_>, _: u64) -> Result<(), Stop> {
    Ok(())
}
