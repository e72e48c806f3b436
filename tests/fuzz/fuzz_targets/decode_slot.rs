//! See `chronicle_tests::fuzzing::decode_slot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_slot(data));
