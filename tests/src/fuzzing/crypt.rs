//! Age files: headers as text, payloads as chunks, of which anybody may have written every byte.
use super::Arguments;
use chronicle::crypt::Header;
use chronicle_core::crypt::{CHUNK_LEN, FileKey, PayloadKey, PayloadLayout, TAG_LEN};
use chronicle_core::source::ByteRange;

/// Any bytes as the header of an object.
pub fn decode_age_header(bytes: &[u8]) {
    let Ok(header) = Header::parse(bytes) else { return };
    assert!(header.len() <= bytes.len() && !header.is_empty());
    // What is behind a header is none of its business.
    assert_eq!(Header::parse(&bytes[..header.len()]).unwrap(), header);
}

/// A range of a payload that anybody made; then the same bytes as what is sealed and opened again.
pub fn decode_age_payload(bytes: &[u8]) {
    let mut arguments = Arguments(bytes);
    let (payload_len, offset, len) = (arguments.u64(), arguments.u64(), arguments.u64());
    let (key, data) = (PayloadKey::new(&FileKey([1; 16]), &[2; 16]), arguments.0);
    for payload_len in [payload_len, data.len() as u64] {
        let Ok(layout) = PayloadLayout::of_payload(payload_len) else { continue };
        assert_eq!(layout.payload_len(), payload_len);
        assert!(layout.plain_len() < payload_len && layout.chunks() > 0);
        let Ok(chunks) = layout.chunks_of(ByteRange::new(offset, len)) else { continue };
        let stored = layout.payload_range(chunks);
        assert!(stored.end() <= payload_len);
        assert!(
            stored.len <= len.saturating_add(2 * CHUNK_LEN).saturating_add((len / CHUNK_LEN + 2) * TAG_LEN)
        );
        // Nobody but the fuzzer has this key, and it does not know the tags.
        let _ = key.open_range(&layout, chunks, ByteRange::new(offset, len), data);
    }
    let layout = PayloadLayout::of_plain(data.len() as u64).unwrap();
    let mut sealed = Vec::new();
    for chunk in 0..layout.chunks() {
        let range = layout.plain_range(chunk);
        let mut part = data[range.offset as usize..range.end() as usize].to_vec();
        let tag = key.seal(&layout, chunk, &mut part).unwrap();
        sealed.extend(part.into_iter().chain(tag));
    }
    let offset = offset.checked_rem(data.len() as u64 + 1).unwrap_or(0);
    let range = ByteRange::new(offset, len.checked_rem(data.len() as u64 - offset + 1).unwrap_or(0));
    let chunks = layout.chunks_of(range).unwrap();
    let stored = layout.payload_range(chunks);
    let stored = &sealed[stored.offset as usize..stored.end() as usize];
    let plain = key.open_range(&layout, chunks, range, stored).unwrap();
    assert_eq!(plain, data[range.offset as usize..range.end() as usize]);
}

pub(super) fn age_header_seeds() -> Vec<Vec<u8>> {
    let share = "A".repeat(43);
    let mac = "A".repeat(43);
    let x25519 = format!("age-encryption.org/v1\n-> X25519 {share}\n{share}\n--- {mac}\n");
    let scrypt =
        format!("age-encryption.org/v1\n-> scrypt {} 18\n{share}\n--- {mac}\nbehind it", "A".repeat(22));
    let two = format!(
        "age-encryption.org/v1\n-> X25519 {share}\n{share}\n-> grease\n{}\n\n--- {mac}\n",
        "A".repeat(64)
    );
    let seeds: Vec<Vec<u8>> = [x25519, scrypt, two].map(String::into_bytes).to_vec();
    for seed in &seeds {
        Header::parse(seed).unwrap();
    }
    seeds
}

pub(super) fn age_payload_seeds() -> Vec<Vec<u8>> {
    let of = |payload_len: u64, offset: u64, len: u64, data: usize| {
        let numbers = [payload_len, offset, len].map(u64::to_le_bytes).concat();
        [numbers, vec![3; data]].concat()
    };
    vec![
        of(16, 0, 0, 0),
        of(1 << 20, 70_000, 5, 100),
        of(u64::MAX, 1 << 50, 1 << 20, 20),
        of(17, 0, 1, 3_000),
    ]
}
