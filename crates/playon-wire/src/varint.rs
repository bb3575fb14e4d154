//! Unsigned LEB128 integers, the only integers of the player protocol.
//!
//! Seven bits a byte, lowest first, the high bit set on all bytes but the last. Only the shortest form
//! is read back, so a value has exactly one encoding.

use bytes::{Buf, BufMut, Bytes};

/// The longest encoding of a `u64`, in bytes.
pub const VARINT_BYTES_MAX: usize = 10;

/// How many bytes `value` takes.
pub const fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends `value`.
pub fn put(mut value: u64, out: &mut impl BufMut) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Takes a value off the front; nothing when it is cut off, too large for a `u64` or not in its shortest
/// form. Then the bytes are left at an unspecified place.
pub fn take(from: &mut Bytes) -> Option<u64> {
    let mut value = 0_u64;
    for at in 0..VARINT_BYTES_MAX {
        let byte = from.has_remaining().then(|| from.get_u8())?;
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * at as u32;
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return (bits != 0 || at == 0).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn encoded(value: u64) -> Bytes {
        let mut out = BytesMut::new();
        put(value, &mut out);
        out.freeze()
    }

    #[test]
    fn known_values() {
        assert_eq!(&encoded(0)[..], [0]);
        assert_eq!(&encoded(127)[..], [0x7f]);
        assert_eq!(&encoded(128)[..], [0x80, 0x01]);
        assert_eq!(&encoded(300)[..], [0xac, 0x02]);
        assert_eq!(encoded(u64::MAX).len(), VARINT_BYTES_MAX);
    }

    #[test]
    fn every_power_of_two_reads_back() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, (1 << shift) | 1] {
                let mut bytes = encoded(value);
                assert_eq!(bytes.len(), len(value), "{value}");
                assert_eq!(take(&mut bytes), Some(value));
                assert!(bytes.is_empty());
            }
        }
    }

    #[test]
    fn only_the_shortest_form_is_read() {
        for bad in [&[][..], &[0x80], &[0x80, 0x00], &[0xff, 0x00], &[0xff; 11]] {
            assert_eq!(take(&mut Bytes::copy_from_slice(bad)), None, "{bad:x?}");
        }
        let mut over = vec![0xff; 9];
        over.push(0x02);
        assert_eq!(take(&mut Bytes::from(over)), None);
    }
}
