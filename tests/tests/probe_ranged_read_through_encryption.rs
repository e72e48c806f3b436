//! Probe: a database inside an encrypted object is read by range, chunk by chunk.
//!
//! The payload is laid out as in an age file: a nonce of 16 bytes, then 64 KiB chunks of ChaCha20-Poly1305 whose nonces are
//! a counter of 11 bytes, big-endian, and a flag that marks the last chunk. The key of the payload is derived with BLAKE3
//! here, where age takes HKDF-SHA256: how a key is made has nothing to do with how ranges are read.
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use chronicle_core::engine::{Engine, Opening, Options, Selector};
use chronicle_core::error::{Error, ErrorKind, Result};
use chronicle_core::format::HEADER_AREA_LEN;
use chronicle_core::model::{Point, TimeRange};
use chronicle_core::query::{Aggregate, Query};
use chronicle_core::source::{ByteRange, Source, Step};
use chronicle_tests::simulator::{BASE_NS, SimDb, at_hand, digest_of, run_query};
use chronicle_tests::workload::Random;
use std::collections::BTreeMap;
use std::sync::Arc;

const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const SECOND: i64 = 1_000_000_000;

fn cipher(payload_nonce: &[u8]) -> ChaCha20Poly1305 {
    let key = blake3::derive_key("chronicle-tests probe payload", &[b"file key", payload_nonce].concat());
    ChaCha20Poly1305::new(&Key::from(key))
}

fn nonce(chunk: usize, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(chunk as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::from(nonce)
}

fn encrypt(plain: &[u8]) -> Vec<u8> {
    let mut object = vec![7; 16];
    let cipher = cipher(&object);
    let last = plain.len().div_ceil(CHUNK) - 1;
    for (number, chunk) in plain.chunks(CHUNK).enumerate() {
        object.extend(cipher.encrypt(&nonce(number, number == last), chunk).unwrap());
    }
    object
}

/// Decrypts the chunks that a range needs, and no others.
struct Encrypted<'a> {
    object: &'a [u8],
    cipher: ChaCha20Poly1305,
    chunks: BTreeMap<usize, Vec<u8>>,
    answer: Vec<u8>,
}

impl<'a> Encrypted<'a> {
    fn new(object: &'a [u8]) -> Self {
        Self { object, cipher: cipher(&object[..16]), chunks: BTreeMap::new(), answer: Vec::new() }
    }

    fn chunk_count(&self) -> usize {
        (self.object.len() - 16).div_ceil(CHUNK + TAG)
    }

    fn open(&mut self, number: usize) -> Result<()> {
        if !self.chunks.contains_key(&number) {
            let start = 16 + number * (CHUNK + TAG);
            let end = (start + CHUNK + TAG).min(self.object.len());
            let last = number + 1 == self.chunk_count();
            let bytes = self.object.get(start..end).unwrap_or_default();
            let plain = self.cipher.decrypt(&nonce(number, last), bytes);
            let plain =
                plain.map_err(|_| Error::damaged("it does not decrypt").at(format!("chunk {number}")))?;
            self.chunks.insert(number, plain);
        }
        Ok(())
    }
}

impl Source for Encrypted<'_> {
    fn read(&mut self, range: ByteRange) -> Result<Option<&[u8]>> {
        let (start, end) = (range.offset as usize, range.end() as usize);
        self.answer.clear();
        for number in start / CHUNK..end.div_ceil(CHUNK) {
            self.open(number)?;
            let base = number * CHUNK;
            let chunk = &self.chunks[&number];
            let part = chunk.get(start.max(base) - base..(end - base).min(CHUNK));
            self.answer.extend_from_slice(part.ok_or_else(|| Error::damaged("the object was cut"))?);
        }
        Ok(Some(&self.answer))
    }
}

fn open(source: &mut Encrypted<'_>) -> Result<Engine> {
    let header = source.read(ByteRange::new(0, HEADER_AREA_LEN))?.unwrap().to_vec();
    let mut opening = Opening::new(&header, Options::default())?;
    while !matches!(opening.step(source)?, Step::Ready(())) {}
    opening.into_engine(&[], 0)
}

/// Eight hours of a point a second of twelve series, sealed hourly.
fn database() -> SimDb {
    let mut db = SimDb::new(Options::default(), 1);
    let mut random = Random::new(1);
    for hour in 0..8 {
        let mut batch = Vec::new();
        for second in 0..3600 {
            for series in 0..12 {
                let time = BASE_NS + (hour * 3600 + second) * SECOND;
                let metric = ["cpu", "memory", "disk"][series % 3];
                let value = random.below(1_000_000) as f64;
                batch.push(Point::new(metric, time, value).tag("host", (series / 3).to_string()));
            }
        }
        db.write(&batch, true);
        db.seal();
    }
    db
}

#[test]
fn a_query_decrypts_only_the_chunks_that_it_needs() {
    let mut db = database();
    let object = encrypt(db.disk.data.bytes());
    let mut source = Encrypted::new(&object);
    let mut engine = open(&mut source).unwrap();
    let from = BASE_NS + 4 * 3600 * SECOND;
    let query =
        Query::metric("memory").range(from..from + 600 * SECOND).aggregate(Aggregate::Count).group_by_all();
    let view = |engine: &mut Engine| engine.view(&query.selector(), query.range);
    let view = Arc::new(at_hand(engine.with_names(&mut source, view)).unwrap());
    let rows = run_query(&query, &view, &mut source).unwrap();
    let here = db.view(&query.selector(), query.range);
    assert_eq!(rows, run_query(&query, &here.view, &mut db.disk.data.bytes()).unwrap());
    let (opened, all) = (source.chunks.len(), source.chunk_count());
    println!("{opened} of {all} chunks");
    assert!(2 * opened < all, "{opened} of {all} chunks were decrypted for one metric of ten minutes");

    let view = |engine: &mut Engine| engine.view(&Selector::all(), TimeRange::ALL);
    let view = Arc::new(at_hand(engine.with_names(&mut source, view)).unwrap());
    let digest = digest_of(&view, &mut source, false).unwrap();
    assert_eq!(digest, chronicle_tests::oracle::digest(&db.oracle.at(db.engine.position().lsn)));
}

#[test]
fn a_changed_chunk_or_a_cut_object_is_damage() {
    let db = database();
    let object = encrypt(db.disk.data.bytes());
    let read = |object: &[u8]| {
        let mut source = Encrypted::new(object);
        let mut engine = open(&mut source)?;
        let view = |engine: &mut Engine| engine.view(&Selector::all(), TimeRange::ALL);
        let view = Arc::new(at_hand(engine.with_names(&mut source, view))?);
        digest_of(&view, &mut source, false)
    };
    read(&object).unwrap();
    for at in (16..object.len()).step_by(CHUNK + TAG) {
        let mut changed = object.clone();
        changed[at] ^= 1;
        // Chunks of nothing but free space are never read.
        if let Err(error) = read(&changed) {
            assert_eq!(error.kind(), ErrorKind::Damaged);
        }
    }
    let error = read(&object[..object.len() - CHUNK - TAG]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
}
