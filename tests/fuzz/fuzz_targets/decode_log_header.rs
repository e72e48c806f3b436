//! See `chronicle_tests::fuzzing::decode_log_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_log_header(data));
