//! To come.
use crate::{
    Packet,
    engine::{Stop, Tx},
};

pub(crate) fn put_packet(_: &mut Tx<'_>, _: &Packet) -> Result<(), Stop> {
    Ok(())
}
