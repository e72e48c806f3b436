//! Values of fields: floats, integers, unsigned integers, booleans, strings.
use crate::error::{Error, Result};
use crate::export::convert::bad_part;
use crate::text::{parse_number, shorten};
use alloc::format;
use memchr::memchr2;

/// What a field holds.
#[derive(Debug)]
pub(super) enum Value {
    /// A number that f64 holds.
    Number(f64),
    /// Something that the protocol allows (or nearly) and a database of numbers does not hold.
    Refused(Error),
}

/// Reads the value that starts at `start` of `line`, of the field `key`. Answers it and where it ends; what follows
/// there is a comma, a space, or nothing.
#[inline]
pub(super) fn read_value(line: &str, start: usize, key: &str) -> Result<(Value, usize)> {
    let rest = line.get(start..).unwrap_or_default();
    if rest.starts_with('"') {
        let end = end_of_string(rest).ok_or_else(|| bad_part("field", key, "its string is never closed"))?;
        let behind = rest.as_bytes().get(end);
        if behind.is_some_and(|&byte| byte != b',' && byte != b' ') {
            let problem = "text follows the closing quote of its string; a quote inside is written \\\"";
            return Err(bad_part("field", key, problem));
        }
        let shown = shorten(rest.get(..end).unwrap_or_default().as_bytes());
        let problem = format!("the string {shown} can't be stored: values are numbers");
        return Ok((Value::Refused(bad_part("field", key, &problem)), start + end));
    }
    let length = rest.bytes().position(|byte| byte == b',' || byte == b' ').unwrap_or(rest.len());
    let token = rest.get(..length).unwrap_or_default();
    Ok((read_token(token, key)?, start + length))
}

/// Bytes of a string with its quotes, or `None` when it is never closed.
fn end_of_string(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = text.as_bytes().get(at..)?;
        let found = at + memchr2(b'"', b'\\', rest)?;
        if text.as_bytes().get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

#[inline]
fn read_token(token: &str, key: &str) -> Result<Value> {
    let bad =
        |problem: &str| Err(bad_part("field", key, &format!("{} {problem}", shorten(token.as_bytes()))));
    match token.as_bytes() {
        [] => Err(bad_part("field", key, "it has no value")),
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(Value::Number(1.0)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(Value::Number(0.0)),
        [digits @ .., suffix @ (b'i' | b'u')] if is_integer(digits) => {
            let digits = token.get(..digits.len()).unwrap_or_default();
            let integer = match suffix {
                b'i' => digits.parse::<i64>().map(i128::from),
                _ => digits.parse::<u64>().map(i128::from),
            };
            match integer {
                Ok(integer) if (integer as f64) as i128 == integer => Ok(Value::Number(integer as f64)),
                Ok(_) => {
                    let problem = format!(
                        "the integer {digits} can't be stored: values are f64, which does not hold it exactly"
                    );
                    Ok(Value::Refused(bad_part("field", key, &problem)))
                }
                Err(_) if *suffix == b'u' => bad("does not fit an unsigned 64-bit integer"),
                Err(_) => bad("does not fit a 64-bit integer"),
            }
        }
        [b'\'', ..] => bad("is no value; a string is in double quotes"),
        _ => match parse_number(token.as_bytes()) {
            Some(value) if value.is_finite() => Ok(Value::Number(value)),
            Some(_) => {
                let problem =
                    format!("{token} has no place in line protocol, which knows finite numbers only");
                Ok(Value::Refused(bad_part("field", key, &problem)))
            }
            None => bad("is neither a number nor true or false; a string is in double quotes"),
        },
    }
}

/// Digits with or without a sign.
fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
