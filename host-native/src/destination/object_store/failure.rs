//! From what a store answered to an error that says what to do. A pure function of the answer.
use super::wire::Answer;
use crate::error::{Error, ErrorKind};
use http::StatusCode;
use object_store::client::HttpErrorKind;

/// Why a call failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) answer: Answer,
    /// It is there already, or it is another one than was expected.
    pub(super) is_conflict: bool,
    /// There is no such object (or upload).
    pub(super) is_absent: bool,
    /// An earlier attempt of the same call, or this one, may have succeeded without our hearing of it.
    pub(super) unsure: bool,
}

impl Failure {
    pub(super) fn of(error: &object_store::Error, answer: Answer) -> Self {
        let (kind, message) = told(error, &answer);
        let status = answer.status;
        let is_conflict = kind != ErrorKind::Transient
            && matches!(status, Some(StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED));
        let is_absent = kind == ErrorKind::NotFound;
        // A server that failed, and a line that broke, may have done it.
        let unsure = kind == ErrorKind::Transient;
        Self { error: Error::new(kind, message), answer, is_conflict, is_absent, unsure }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// Codes that name the failure better than the status does. S3, GCS and Azure.
const CODES: &[(&str, ErrorKind, &str)] = {
    use ErrorKind::*;
    &[
        ("NoSuchBucket", InvalidInput, NO_BUCKET),
        ("ContainerNotFound", InvalidInput, NO_BUCKET),
        ("InvalidBucketName", InvalidInput, "this is no name of a bucket"),
        ("PermanentRedirect", InvalidInput, ELSEWHERE),
        ("AuthorizationHeaderMalformed", InvalidInput, ELSEWHERE),
        ("IllegalLocationConstraintException", InvalidInput, ELSEWHERE),
        ("InvalidAccessKeyId", Permission, "the store does not know this access key: check the key id"),
        ("SignatureDoesNotMatch", Permission, "the secret key is wrong: check it"),
        (
            "AuthenticationFailed",
            Permission,
            "the account key or token is wrong, or the clocks differ: check both",
        ),
        (
            "AuthorizationFailure",
            Permission,
            "the account key or token is wrong, or may not do this: check it",
        ),
        ("ExpiredToken", Permission, EXPIRED),
        ("TokenRefreshRequired", Permission, EXPIRED),
        ("InvalidToken", Permission, "the session token is wrong: get new credentials"),
        ("AccountProblem", Permission, "there is a problem with the account"),
        ("RequestTimeout", Transient, "the request took too long to arrive"),
        ("BadDigest", Transient, DAMAGED_ON_THE_WAY),
        ("InvalidDigest", Transient, DAMAGED_ON_THE_WAY),
        ("XAmzContentChecksumMismatch", Transient, DAMAGED_ON_THE_WAY),
        ("XAmzContentSHA256Mismatch", Transient, DAMAGED_ON_THE_WAY),
        ("Md5Mismatch", Transient, DAMAGED_ON_THE_WAY),
        ("IncompleteBody", Transient, DAMAGED_ON_THE_WAY),
        ("ConditionalRequestConflict", Transient, "another request for this name was at work"),
        ("OperationAborted", Transient, "another request for this name was at work"),
        ("SlowDown", Transient, "the store asks for fewer requests"),
        ("EntityTooLarge", LimitExceeded, "the store takes no object of this length"),
        ("QuotaExceeded", Full, "the quota is used up: free some space"),
    ]
};

const NO_BUCKET: &str =
    "there is no such bucket: make it first, or check its name, the endpoint and the region";
const ELSEWHERE: &str =
    "the bucket is in another region, or behind another endpoint: set AWS_REGION or AWS_ENDPOINT_URL";
const EXPIRED: &str = "the credentials have expired: get new ones";
const DAMAGED_ON_THE_WAY: &str = "the bytes did not arrive as they were sent";
const CREDENTIALS: &str = "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (s3), AZURE_STORAGE_ACCOUNT_NAME and \
                           AZURE_STORAGE_ACCOUNT_KEY (az), or GOOGLE_APPLICATION_CREDENTIALS (gs)";

fn told(error: &object_store::Error, answer: &Answer) -> (ErrorKind, String) {
    if let Some(len) = answer.too_long {
        return (ErrorKind::LimitExceeded, format!("it has {len} bytes, which is more than was expected"));
    }
    if answer.metadata {
        return (ErrorKind::Permission, CREDENTIALS.to_owned());
    }
    if let Some((kind, cause)) = &answer.transport {
        return transport(*kind, cause);
    }
    // Azure says it inside of a good answer, WebDAV of folders with another status.
    if matches!(error, object_store::Error::NotFound { .. }) && answer.code.is_none() {
        return by_status(StatusCode::NOT_FOUND);
    }
    let Some(status) = answer.status else {
        // Nothing was sent: a wrong setting, or something that this store can't.
        let kind = match error {
            object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
                ErrorKind::Unsupported
            }
            _ => ErrorKind::InvalidInput,
        };
        return (kind, super::wire::shown(&error.to_string()));
    };
    if status.is_success() {
        return unreadable(status, error, answer);
    }
    let (kind, message) = by_code(answer).unwrap_or_else(|| by_status(status));
    (kind, format!("{message} ({})", said(status, answer)))
}

/// The clock has a message of its own, with both times.
fn by_code(answer: &Answer) -> Option<(ErrorKind, String)> {
    let code = answer.code.as_deref()?;
    if code == "RequestTimeTooSkewed" {
        let theirs = answer.date.as_deref().unwrap_or("another time");
        let ours = chronicle_core::time::format_timestamp(crate::host::now_ns());
        return Some((
            ErrorKind::Permission,
            format!(
                "the clock of this machine is wrong, so that its requests are refused: it says {ours}, the store says \
                 {theirs}; set it"
            ),
        ));
    }
    let known = CODES.iter().find(|(name, ..)| *name == code);
    known.map(|(_, kind, message)| (*kind, (*message).to_owned()))
}

fn by_status(status: StatusCode) -> (ErrorKind, String) {
    use ErrorKind::*;
    let (kind, message) = match status.as_u16() {
        401 => (Permission, "the store does not accept these credentials: check them"),
        403 => (
            Permission,
            "these credentials may not do this: give them the right to read, write and list (S3 says the same of objects that \
             are not there, to whom may not list)",
        ),
        404 | 410 => (NotFound, "there is no such object: check the name and the destination"),
        300..=399 => (InvalidInput, ELSEWHERE),
        405 | 501 => (Unsupported, "the store can't do this: it is no such server, or lacks a method"),
        // WebDAV: another request is at work on the same name, or on its folder.
        423 => (Transient, "the object is locked by another request"),
        408 | 425 | 429 => (Transient, "the store asks to be left alone for a while"),
        409 | 412 => (AlreadyExists, "another one is there"),
        413 => (LimitExceeded, "the store takes no object of this length"),
        416 => (Damaged, "the object is shorter than was expected"),
        507 => (Full, "the store has no room: free some space"),
        500..=599 => (Transient, "the store failed"),
        _ => (Io, "the store refused the request"),
    };
    (kind, message.to_owned())
}

/// A good status, and yet not what was asked for.
fn unreadable(status: StatusCode, error: &object_store::Error, answer: &Answer) -> (ErrorKind, String) {
    if answer.ranged && status != StatusCode::PARTIAL_CONTENT {
        return (
            ErrorKind::Unsupported,
            format!("the store ignores ranges: it answers {status} and everything; use another destination"),
        );
    }
    // S3 says so of a failure that it noticed after it had said 200.
    let text = error.to_string();
    if text.contains("InternalError") || text.contains("SlowDown") {
        return (ErrorKind::Transient, format!("the store failed after it said {status}"));
    }
    if answer.ranged {
        return (
            ErrorKind::Damaged,
            "the store answers another range than it was asked for; use another destination".to_owned(),
        );
    }
    (ErrorKind::Damaged, format!("the answer of the store can't be read: {}", super::wire::shown(&text)))
}

fn transport(kind: HttpErrorKind, cause: &str) -> (ErrorKind, String) {
    let lower = cause.to_ascii_lowercase();
    if lower.contains("certificate") {
        return (ErrorKind::Permission, format!("the store's certificate is not trusted: {cause}"));
    }
    let what = match kind {
        HttpErrorKind::Connect => "the store can't be reached",
        HttpErrorKind::Timeout => "the store did not answer in time",
        _ => "the connection to the store broke",
    };
    (ErrorKind::Transient, format!("{what}: {cause}"))
}

fn said(status: StatusCode, answer: &Answer) -> String {
    let number = status.as_u16();
    match (&answer.code, &answer.message) {
        (Some(code), Some(message)) => format!("{number} {code}: {message}"),
        (Some(code), None) => format!("{number} {code}"),
        (None, _) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, code: &str) -> Failure {
        let answer = Answer {
            status: StatusCode::from_u16(status).ok(),
            code: (!code.is_empty()).then(|| code.to_owned()),
            date: Some("Mon, 01 Jan 2024 00:00:00 GMT".to_owned()),
            ..Answer::default()
        };
        let error = object_store::Error::Generic { store: "S3", source: "secret-uri".into() };
        Failure::of(&error, answer)
    }

    #[test]
    fn every_refusal_has_its_kind_and_says_what_to_do() {
        use ErrorKind::*;
        for (status, code, kind, word) in [
            (403, "InvalidAccessKeyId", Permission, "key id"),
            (403, "SignatureDoesNotMatch", Permission, "secret key"),
            (400, "ExpiredToken", Permission, "expired"),
            (403, "RequestTimeTooSkewed", Permission, "2024 00:00:00"),
            (403, "AccessDenied", Permission, "right"),
            (403, "", Permission, "right"),
            (404, "NoSuchBucket", InvalidInput, "bucket"),
            (404, "NoSuchKey", NotFound, "no such object"),
            (301, "", InvalidInput, "region"),
            (503, "SlowDown", Transient, "fewer"),
            (500, "", Transient, "failed"),
            (429, "", Transient, "left alone"),
            (423, "", Transient, "locked"),
            (400, "BadDigest", Transient, "as they were sent"),
            (409, "ConditionalRequestConflict", Transient, "another request"),
            (507, "", Full, "room"),
            (501, "NotImplemented", Unsupported, "lacks"),
            (400, "MalformedXML", Io, "MalformedXML"),
        ] {
            let failure = failure(status, code);
            let text = failure.error.to_string();
            assert_eq!(failure.error.kind(), kind, "{status} {code}: {text}");
            assert!(text.contains(word) && !text.contains("secret-uri"), "{status} {code}: {text}");
        }
        assert!(failure(412, "").is_conflict && failure(409, "BlobAlreadyExists").is_conflict);
        assert!(!failure(409, "ConditionalRequestConflict").is_conflict);
    }
}
