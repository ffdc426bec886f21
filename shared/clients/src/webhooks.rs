//! Deliveries to URLs that customers choose. They must not be a way to reach systems that only this service can reach:
//! requests go by HTTPS to public addresses, and redirects are not followed.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use license_settings::{Setting, text};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::{
    caller::CallLimits,
    error::{ClientError, Service},
};

/// The timeout of a delivery.
const TIMEOUT: Duration = Duration::from_secs(10);

const NOT_PUBLIC_REASON: &str = "it is not public";

const NOT_PUBLIC: ClientError = ClientError::Forbidden { service: Service::Webhook, reason: NOT_PUBLIC_REASON };

/// The rules for webhooks' URLs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookSettings {
    /// `WEBHOOK_ALLOW_HTTP`, if it is `true`, permits plain HTTP and private addresses. For tests.
    pub allow_http: bool,
}

const WEBHOOK_ALLOW_HTTP: &str = "WEBHOOK_ALLOW_HTTP";

impl WebhookSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::optional(WEBHOOK_ALLOW_HTTP)];

    /// Reads the settings by `lookup`.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { allow_http: text(lookup, WEBHOOK_ALLOW_HTTP).as_deref() == Some("true") }
    }

    /// Checks a URL as far as its text allows; the error says why it is not permitted.
    pub fn check(self, url: &str) -> Result<(), &'static str> {
        self.allowed(url).map(|_| ())
    }

    fn allowed(self, url: &str) -> Result<Url, &'static str> {
        let url = Url::parse(url).map_err(|_| "it is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("it is not HTTPS");
        }
        if self.allow_http {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return Err("it is not HTTPS");
        }
        // A numeric address is checked here, because it is not resolved by the resolver that checks names. The URL
        // parser has normalized unusual spellings of it.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse() {
            Ok(ip) if !is_public(ip) => Err(NOT_PUBLIC_REASON),
            _ => Ok(url),
        }
    }
}

/// Delivers events. A clone shares its connections.
#[derive(Clone)]
pub struct WebhookClient {
    http: reqwest::Client,
    settings: WebhookSettings,
}

impl fmt::Debug for WebhookClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl WebhookClient {
    /// A client with these rules.
    pub fn new(settings: WebhookSettings) -> Result<Self, ClientError> {
        Self::with_limits(settings, CallLimits::within(TIMEOUT))
    }

    pub(crate) fn with_limits(settings: WebhookSettings, limits: CallLimits) -> Result<Self, ClientError> {
        // A proxy would resolve names itself, without our check.
        let builder = limits.builder().no_proxy();
        let builder = if settings.allow_http { builder } else { builder.dns_resolver(Arc::new(PublicOnly)) };
        Ok(Self { http: builder.build().map_err(ClientError::Setup)?, settings })
    }

    /// Posts `body` with these headers, once; returns the response's status, whatever it is. The response's body is not
    /// read.
    pub async fn deliver(&self, url: &str, body: &[u8], headers: &[(&str, &str)]) -> Result<u16, ClientError> {
        let request = self.http.post(self.allowed(url)?).body(body.to_vec());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.map_err(|error| {
            if is_not_public(&error) { NOT_PUBLIC } else { ClientError::transport(Service::Webhook, error) }
        })?;
        Ok(response.status().as_u16())
    }

    fn allowed(&self, url: &str) -> Result<Url, ClientError> {
        self.settings.allowed(url).map_err(|reason| ClientError::Forbidden { service: Service::Webhook, reason })
    }
}

/// A host name has no public address.
#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not public")
    }
}

impl Error for NotPublic {}

fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Resolves names to public addresses only. The connection uses the checked address; the name is not resolved again.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let is_shared_or_reserved = match ip.octets() {
        // "This network", and the range reserved for future use.
        [0 | 240.., ..]
        // Shared address space of providers,
        | [100, 64..128, ..]
        // IETF protocol assignments,
        | [192, 0, 0, _]
        // and benchmarking.
        | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || is_shared_or_reserved)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // Addresses that embed one of version 4: mapped, translated (NAT64), tunneled (6to4).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            inner(high, low)
        }
        // Teredo, which embeds one too, and documentation.
        [0x2001, 0 | 0xdb8, ..] => false,
        // Everything else in the range of global unicast addresses.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_globally_reachable_addresses_are_public() {
        let public = ["93.184.215.14", "8.8.8.8", "172.15.0.1", "100.63.0.1", "2606:4700::1111", "64:ff9b::808:808"];
        for ip in public {
            assert!(is_public(ip.parse().expect("an address")), "{ip}");
        }
        let not_public = [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ];
        for ip in not_public {
            assert!(!is_public(ip.parse().expect("an address")), "{ip}");
        }
    }
}
