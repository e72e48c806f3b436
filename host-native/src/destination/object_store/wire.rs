//! Between `object_store` and the network: every answer is read here, in bounds, and what it said is kept for whoever asked.
//!
//! `object_store` tells a failed request as text. Which status it was, which code the server gave, whether it asked to
//! wait, is seen only here; [`failure`](super::failure) makes an error of it. Nothing is retried here.
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, DATE, HeaderMap, RANGE, RETRY_AFTER};
use http::{Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most that is read of an answer that is a failure.
const ERROR_BYTES_MAX: u64 = 64 << 10;
/// Where clouds give credentials to their own machines.
const METADATA_HOSTS: [&str; 4] =
    ["169.254.169.254", "169.254.170.2", "metadata.google.internal", "metadata"];

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// One call of `object_store`, which may be several requests.
#[derive(Debug)]
struct Call {
    body_bytes_max: u64,
    last: Mutex<Answer>,
}

/// What the last request of a call came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// None when no answer came.
    pub(super) status: Option<StatusCode>,
    /// The server's own name of the failure, as `NoSuchBucket`.
    pub(super) code: Option<String>,
    /// What it says to people.
    pub(super) message: Option<String>,
    /// For how long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// Its clock.
    pub(super) date: Option<String>,
    /// A range was asked for.
    pub(super) ranged: bool,
    /// It was the machine's cloud that was asked for credentials.
    pub(super) metadata: bool,
    /// Why no answer came.
    pub(super) transport: Option<(HttpErrorKind, String)>,
    /// The answer is this long, which is more than may be read.
    pub(super) too_long: Option<u64>,
}

/// Runs a call; no answer of it may be longer than that. What was said last is told beside its result.
pub(super) async fn listen<T>(body_bytes_max: u64, call: impl Future<Output = T>) -> (T, Answer) {
    let heard = Arc::new(Call { body_bytes_max, last: Mutex::default() });
    let result = CALL.scope(Arc::clone(&heard), call).await;
    let answer = heard.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (result, answer)
}

fn note(answer: Answer) {
    let _ = CALL.try_with(|call| *call.last.lock().unwrap_or_else(PoisonError::into_inner) = answer);
}

/// Makes clients that listen.
#[derive(Debug, Default)]
pub(super) struct Wire;

impl HttpConnector for Wire {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Listening(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct Listening(HttpClient);

#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

#[async_trait::async_trait]
impl HttpService for Listening {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = Answer {
            ranged: request.headers().contains_key(RANGE),
            metadata: request.uri().host().is_some_and(|host| METADATA_HOSTS.contains(&host)),
            ..Answer::default()
        };
        let is_head = request.method() == Method::HEAD;
        let failed = |mut answer: Answer, error: HttpError| {
            answer.transport = Some((error.kind(), innermost(&error)));
            note(answer);
            error
        };
        let response = match self.0.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(failed(answer, error)),
        };
        let (parts, body) = response.into_parts();
        answer.status = Some(parts.status);
        answer.retry_after = retry_after(&parts.headers);
        answer.date = text(&parts.headers, DATE.as_str());
        let is_good = parts.status.is_success();
        let max = match is_good {
            true => CALL.try_with(|call| call.body_bytes_max).unwrap_or(ERROR_BYTES_MAX),
            false => ERROR_BYTES_MAX,
        };
        let announced = text(&parts.headers, CONTENT_LENGTH.as_str()).and_then(|len| len.parse().ok());
        if let Some(len) = announced.filter(|len| is_good && !is_head && *len > max) {
            answer.too_long = Some(len);
            return Err(failed(answer, too_long(len, max)));
        }
        // Room for what is announced at most, and only as far as it may be.
        let mut bytes = Vec::with_capacity(usize::try_from(announced.unwrap_or(0).min(max)).unwrap_or(0));
        let mut stream = body.bytes_stream();
        while let Some(part) = stream.next().await {
            match part {
                Ok(part) if bytes.len() as u64 + part.len() as u64 <= max => bytes.extend_from_slice(&part),
                Ok(part) if is_good => {
                    let len = bytes.len() as u64 + part.len() as u64;
                    answer.too_long = Some(len);
                    return Err(failed(answer, too_long(len, max)));
                }
                Ok(_) => break,
                Err(error) => return Err(failed(answer, error)),
            }
        }
        if !is_good {
            let said = String::from_utf8_lossy(&bytes).into_owned();
            answer.code = text(&parts.headers, "x-ms-error-code").or_else(|| element(&said, "Code"));
            answer.message = element(&said, "Message");
            bytes = said.into_bytes();
        }
        note(answer);
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }
}

fn too_long(len: u64, max: u64) -> HttpError {
    HttpError::new(HttpErrorKind::Decode, Said(format!("an answer of {len} bytes, where {max} may come")))
}

/// The cause at the bottom says most: "connection refused", not "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    shown(&error.to_string())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// `Retry-After`: seconds, or a date, which is counted from the server's own `Date`, since clocks differ. Without that, or before it,
/// a date says nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER.as_str())?;
    if let Ok(seconds) = asked.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok().map(|moment| moment.timestamp());
    let wait = moment(&asked)?.duration_since(moment(&text(headers, DATE.as_str())?)?);
    Duration::try_from(wait).ok()
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    (!inside.is_empty()).then(|| shown(inside))
}

/// What a server said, for a message: one line, in bounds.
pub(super) fn shown(said: &str) -> String {
    said.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_cut_and_plain() {
        let xml = "<?xml?><Error><Code>SlowDown</Code><Message>a\u{1b}[31m b\nc</Message></Error>";
        assert_eq!(element(xml, "Code").as_deref(), Some("SlowDown"));
        assert_eq!(element(xml, "Message").as_deref(), Some("a[31m b"));
        assert_eq!(element("<Code></Code>", "Code"), None);
        assert_eq!(element("<Code>x", "Code"), None);
        assert_eq!(shown(&"x".repeat(9_000)).len(), 300);
    }
}
