//! See `chronicle_tests::fuzzing::decode_catalog_page`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chronicle_tests::fuzzing::decode_catalog_page(data));
