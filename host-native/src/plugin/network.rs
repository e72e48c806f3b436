//! The only way from a plugin to the network: requests to hosts that were granted, sent by a client of ours.
//!
//! What it keeps true: no other host is asked, whatever a plugin or a server's redirect says; a granted host that
//! resolves to a private address is refused unless that was granted, too; headers with secrets are added here and never
//! seen by the plugin.
use super::grants::{Granted, Host};
use crate::error::{Error, ErrorKind};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

/// What was refused since the last look: it outranks what the plugin makes of it.
#[derive(Clone, Default)]
pub(super) struct Denials(Arc<Mutex<Option<String>>>);

impl Denials {
    pub(super) fn note(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    pub(super) fn take(&self) -> Option<Error> {
        let what = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let message = format!("the plugin wanted to reach {what}, which was not granted, and was refused");
        Some(Error::new(ErrorKind::Permission, message))
    }
}

/// The hook of one instance.
pub(super) struct Network {
    hosts: Arc<[Host]>,
    denials: Denials,
}

impl Network {
    pub(super) fn new(granted: &Granted, denials: Denials) -> Self {
        Self { hosts: granted.hosts.clone(), denials }
    }

    /// The grant that lets this request go.
    fn grant(&self, uri: &Uri) -> Result<Host, HttpError> {
        let (Some(name), Some(scheme)) = (uri.host(), uri.scheme()) else {
            return Err(HttpError::HttpRequestUriInvalid);
        };
        let name = name.to_ascii_lowercase();
        let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let exact = format!("{name}:{port}");
        let fits = |host: &&Host| host.name == exact || (host.name == name && port == usual);
        let Some(host) = self.hosts.iter().find(fits) else {
            self.denials.note(format!("the host {exact}"));
            return Err(HttpError::HttpRequestDenied);
        };
        // An address instead of a name is not resolved, so the client's resolver does not see it.
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        if address.is_ok_and(is_private) && !host.is_private {
            self.denials.note(format!("the private address {exact} (--allow-private-host)"));
            return Err(HttpError::DestinationIpProhibited);
        }
        Ok(host.clone())
    }
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>), HttpError>;

impl WasiHttpHooks for Network {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let host = self.grant(request.uri());
        let denials = self.denials.clone();
        Box::new(async move { send(request, options, host?, &denials).await })
    }
}

async fn send(
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
    host: Host,
    denials: &Denials,
) -> Sent {
    for (name, value) in &host.headers {
        let name: HeaderName = name.parse().map_err(|_| HttpError::HttpRequestDenied)?;
        let mut value: HeaderValue = value.parse().map_err(|_| HttpError::HttpRequestDenied)?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    let request = request.map(|body| reqwest::Body::wrap(SyncBody(Mutex::new(body))));
    let request: reqwest::Request = request.try_into().map_err(|_| HttpError::HttpRequestUriInvalid)?;
    let client = client(host.is_private).ok_or(HttpError::ConfigurationError)?;
    let first_byte =
        options.and_then(|options| options.first_byte_timeout).unwrap_or(Duration::from_secs(60));
    let answer = tokio::time::timeout(first_byte, client.execute(request)).await;
    let answer = answer.map_err(|_| HttpError::ConnectionReadTimeout)?.map_err(|error| {
        if is_refusal(&error) {
            denials.note(format!("{}, which has a private address (--allow-private-host)", host.name));
            return HttpError::DestinationIpProhibited;
        }
        http_error(&error)
    })?;
    let answer: Response<reqwest::Body> = answer.into();
    let answer = answer.map(|body| body.map_err(|error| http_error(&error)).boxed_unsync());
    Ok((answer, Box::new(async { Ok(()) })))
}

fn http_error(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        HttpError::ConnectionTimeout
    } else if error.is_connect() {
        HttpError::ConnectionRefused
    } else {
        HttpError::ConnectionTerminated
    }
}

fn is_refusal(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Private>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Connections are kept for all instances; names are resolved under the rule of the client.
fn client(may_be_private: bool) -> Option<&'static reqwest::Client> {
    static CLIENTS: [OnceLock<Option<reqwest::Client>>; 2] = [OnceLock::new(), OnceLock::new()];
    let made = CLIENTS[usize::from(may_be_private)].get_or_init(|| {
        reqwest::Client::builder()
            .dns_resolver(Arc::new(Resolver { may_be_private }))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .ok()
    });
    made.as_ref()
}

struct Resolver {
    may_be_private: bool,
}

#[derive(Debug)]
struct Private;

impl std::fmt::Display for Private {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name leads to a private address")
    }
}

impl std::error::Error for Private {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address is enough: a name that has both is how such rules are got around.
            if !may_be_private && found.iter().any(|address| is_private(address.ip())) {
                return Err(Private.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of this machine, of a local network, of a cloud's own services, or of nobody.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let last = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_private_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Mapped, compatible and translated addresses lead to the IPv4 one.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, _, _, _, _, high, low] => last(high, low),
        [0x2002, high, low, ..] => last(high, low),
        // Everything but global unicast: loopback, unique local, link local, multicast.
        [first, ..] => first & 0xe000 != 0x2000 || (first == 0x2001 && parts[1] == 0xdb8),
    }
}

/// The client wants bodies that are `Sync`; this one is only ever used through `&mut`.
struct SyncBody(Mutex<WasiBody>);

impl Body for SyncBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let body = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_of_local_networks_are_private_in_every_spelling() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_host_is_reached_at_the_ports_that_were_granted_and_privately_only_where_that_was() {
        let host = |name: &str, is_private| Host { name: name.to_owned(), is_private, headers: Vec::new() };
        let hosts = [host("nas.example", false), host("x.example:8080", false), host("10.0.0.1", false)];
        let all: Vec<Host> = hosts.into_iter().chain([host("127.0.0.1:9000", true)]).collect();
        let network = Network { hosts: all.into(), denials: Denials::default() };
        let reached = |uri: &str| network.grant(&uri.parse().unwrap()).is_ok();
        for uri in [
            "https://nas.example/a",
            "http://NAS.example/",
            "http://x.example:8080/",
            "http://127.0.0.1:9000/",
        ] {
            assert!(reached(uri), "{uri}");
        }
        assert!(network.denials.take().is_none());
        for uri in [
            "http://nas.example:8080/",
            "http://x.example/",
            "http://nas.example.evil.example/",
            "http://nas.example@evil.example/",
            "http://127.0.0.1/",
            "http://[::1]:9000/",
            "http://10.0.0.1/",
        ] {
            assert!(!reached(uri), "{uri}");
            assert_eq!(network.denials.take().unwrap().kind(), ErrorKind::Permission, "{uri}");
        }
    }
}
