//! What an xz file unpacks to, before it is unpacked.
use std::{fs::File, io, os::unix::fs::FileExt};

pub const MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// Most chunks that are walked; each is 2 MiB unpacked at most, and seldom less than 64 KiB packed.
const CHUNKS: u32 = 1 << 20;

/// What an xz file unpacks to, from the headers of its LZMA2 chunks: the decoder obeys those, while the index at its end
/// may say anything. The xz file format 1.1.0, sections 2 and 3; of several streams the first, as the decoder does.
pub fn unpacked_size(file: &File, size: u64, enough: u64) -> io::Result<u64> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is no whole xz file");
    let bytes = |at: u64| -> io::Result<[u8; 5]> {
        let mut five = [0; 5];
        let got = file.read_at(&mut five, at)?;
        if got == 0 || at >= size {
            Err(broken())
        } else {
            Ok(five)
        }
    };
    // The low half of the second flag byte says the check: its size is 0, 4, 8, 16, 32 or 64 bytes by threes.
    let check = match bytes(7)?[0] & 0x0f {
        0 => 0,
        n => 4_u64 << ((n - 1) / 3),
    };
    let (mut at, mut total) = (12_u64, 0_u64);
    for _ in 0..CHUNKS {
        // A block's header says its own length; 0 begins the index, and with it the end.
        let header = bytes(at)?[0];
        if header == 0 {
            return Ok(total);
        }
        at += (u64::from(header) + 1) * 4;
        loop {
            let [control, a, b, c, d] = bytes(at)?;
            let (low, packed) = (
                u64::from(u16::from_be_bytes([a, b])),
                u64::from(u16::from_be_bytes([c, d])),
            );
            match control {
                0 => break,
                1 | 2 => {
                    total += low + 1;
                    at += 3 + low + 1;
                }
                0x80.. => {
                    total += (u64::from(control & 0x1f) << 16) + low + 1;
                    // With new properties there is one byte more.
                    at += 5 + u64::from(control >= 0xc0) + packed + 1;
                }
                _ => return Err(broken()),
            }
            if total > enough {
                return Ok(total);
            }
        }
        at = (at + 1).next_multiple_of(4) + check;
    }
    Err(broken())
}
