//! Host: clock and randomness of the page; the only place where they enter.
use chronicle_core::error::{Error, ErrorKind, Result};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;

    #[wasm_bindgen(catch, js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &js_sys::Uint8Array) -> core::result::Result<JsValue, JsValue>;
}

/// The wall clock, Unix ns.
pub(crate) fn now_ns() -> i64 {
    // Milliseconds are whole numbers far below 2^53; the cast saturates.
    (date_now() as i64).saturating_mul(1_000_000)
}

/// Random bytes that nobody outside can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let array = js_sys::Uint8Array::new_with_length(u32::try_from(N).unwrap_or(0));
    get_random_values(&array).map_err(|_| {
        Error::new(ErrorKind::Io, "this place gives no random numbers (crypto.getRandomValues)")
    })?;
    let mut bytes = [0; N];
    array.copy_to(&mut bytes);
    Ok(bytes)
}
