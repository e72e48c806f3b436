//! See `chronicle_tests::fuzzing::decode_age_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_age_header(data));
