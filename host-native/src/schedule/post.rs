//! HTTP out: webhooks and heartbeats.
//!
//! What it keeps true: a call ends, by its timeout and a bounded number of tries; the error names the host and never the rest of
//! the URL, which is where such services keep their secrets.
use std::time::Duration;
use ureq::Agent;

/// How long is waited before the second try; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A call that is made until it succeeds, fails for good, or has failed too often.
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    /// Posted as JSON; without it the URL is fetched.
    pub(super) body: Option<&'a str>,
    /// Of each try.
    pub(super) timeout: Duration,
    pub(super) retries: u32,
}

impl Call<'_> {
    /// Makes it. The error is for people.
    pub(super) fn make(&self) -> Result<(), String> {
        let config = Agent::config_builder()
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            .user_agent(concat!("chronicle/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::new_with_config(config);
        let mut wait = FIRST_WAIT;
        let mut tries = 1;
        loop {
            let (why, may_pass) = match self.try_once(&agent) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if !may_pass || tries > self.retries {
                let times = if tries == 1 { String::new() } else { format!(", after {tries} tries") };
                return Err(format!("{}: {why}{times}", host(self.url)));
            }
            std::thread::sleep(wait);
            wait *= 2;
            tries += 1;
        }
    }

    fn try_once(&self, agent: &Agent) -> Result<(), (String, bool)> {
        let answered = match self.body {
            Some(body) => agent.post(self.url).content_type("application/json").send(body),
            None => agent.get(self.url).call(),
        };
        match answered {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
                Err((format!("it answered {status}"), may_pass))
            }
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Tls(_))) => {
                Err((clean(&error, self.url), false))
            }
            Err(error) => Err((clean(&error, self.url), true)),
        }
    }
}

/// The error's words without the URL, should it repeat it.
fn clean(error: &ureq::Error, url: &str) -> String {
    error.to_string().replace(url, host(url))
}

/// Scheme, host and port.
pub(super) fn host(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    match rest.get(..end - start).and_then(|authority| authority.rfind('@')) {
        // Not even who logs in there.
        Some(at) => url.get(start + at + 1..end).unwrap_or_default(),
        None => url.get(..end).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_url_is_ever_told() {
        assert_eq!(host("https://hooks.example.com/services/T0/s3cr3t?x=1"), "https://hooks.example.com");
        assert_eq!(host("http://user:s3cr3t@127.0.0.1:80/x"), "127.0.0.1:80");
        assert_eq!(host("http://h"), "http://h");
        assert_eq!(host("http://h?token=s3cr3t"), "http://h");
    }
}
