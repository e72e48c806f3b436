use super::*;
use crate::crypt::CHUNK_LEN;
use crate::error::ErrorKind;

fn key() -> PayloadKey {
    PayloadKey::new(&FileKey([7; 16]), &[9; 16])
}

fn sealed(plain: &[u8]) -> (PayloadLayout, Vec<u8>) {
    let layout = PayloadLayout::of_plain(plain.len() as u64).unwrap();
    let mut sealed = Vec::new();
    for chunk in 0..layout.chunks() {
        let range = layout.plain_range(chunk);
        let mut bytes = plain[range.offset as usize..range.end() as usize].to_vec();
        let tag = key().seal(&layout, chunk, &mut bytes).unwrap();
        sealed.extend(bytes);
        sealed.extend(tag);
    }
    (layout, sealed)
}

fn bytes(len: u64) -> Vec<u8> {
    (0..len).map(|at| ((at * 31) >> 3) as u8).collect()
}

fn read(layout: &PayloadLayout, range: ByteRange, object: &[u8]) -> Result<Vec<u8>> {
    let chunks = layout.chunks_of(range)?;
    let part = layout.payload_range(chunks);
    let part = object.get(part.offset as usize..part.end() as usize).unwrap_or_default();
    key().open_range(layout, chunks, range, part)
}

#[test]
fn any_range_reads_back() {
    for len in [0, 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN, 3 * CHUNK_LEN + 100] {
        let plain = bytes(len);
        let (layout, object) = sealed(&plain);
        assert_eq!(object.len() as u64, layout.payload_len());
        for (start, end) in
            [(0, len), (0, len.min(1)), (len / 2, len), (len.saturating_sub(1), len), (len, len)]
        {
            let range = ByteRange::new(start, end - start);
            assert_eq!(
                read(&layout, range, &object).unwrap(),
                plain[start as usize..end as usize],
                "{len}: {range:?}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_damage() {
    let plain = bytes(CHUNK_LEN + 50);
    let (layout, object) = sealed(&plain);
    for at in (0..object.len()).step_by(997).chain(object.len() - 80..object.len()) {
        let mut changed = object.clone();
        changed[at] ^= 1 << (at % 8);
        let error = read(&layout, ByteRange::new(0, plain.len() as u64), &changed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "byte {at}");
    }
}

#[test]
fn a_cut_at_a_chunk_and_chunks_in_another_order_are_noticed() {
    let plain = bytes(3 * CHUNK_LEN);
    let (layout, object) = sealed(&plain);
    let sealed_len = object.len() / 3;
    let cut = PayloadLayout::of_payload(2 * sealed_len as u64).unwrap();
    assert!(read(&cut, ByteRange::new(0, 2 * CHUNK_LEN), &object[..2 * sealed_len]).is_err(), "cut");
    assert!(read(&cut, ByteRange::new(0, CHUNK_LEN), &object).is_ok(), "what is left is what it was");
    let swapped =
        [&object[sealed_len..2 * sealed_len], &object[..sealed_len], &object[2 * sealed_len..]].concat();
    assert!(read(&layout, ByteRange::new(0, 1), &swapped).is_err(), "swapped");
}

#[test]
fn a_file_key_and_a_nonce_make_the_key_together() {
    let layout = PayloadLayout::of_plain(3).unwrap();
    let mut seen = Vec::new();
    for (file_key, nonce) in [(1, 1), (1, 2), (2, 1)] {
        let mut plain = [0; 3];
        let key = PayloadKey::new(&FileKey([file_key; 16]), &[nonce; 16]);
        seen.push(key.seal(&layout, 0, &mut plain).unwrap());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}
