//! See `chronicle_tests::fuzzing::decode_number_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_number_text(data));
