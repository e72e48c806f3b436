//! See `chronicle_tests::fuzzing::decode_list_page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_list_page(data));
