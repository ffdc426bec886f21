//! A whole License Manager in this process.

use std::sync::atomic::{AtomicU64, Ordering};

use license_domain::{EnterpriseId, ProductCatalog, RoleGrant, RoleName, Scope, Stamp, Timestamp};
use license_local::{Options, Running, engine::Engine};
use license_storage::{BulkWrite, Portfolios, StoredUser};
use license_storage_dynamodb::BulkWriter;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Client, Invariants, Proxy, Role, dynamodb_local};

/// The time at which tests run.
pub const NOW: &str = "2026-11-23T10:46:08Z";

/// A running app.
#[derive(Debug)]
pub struct TestApp {
    running: Running,
    proxy: Option<Proxy>,
    http: reqwest::Client,
    numbers: AtomicU64,
}

impl TestApp {
    /// Starts an app with the default products only, at [`NOW`].
    pub async fn start() -> Self {
        Self::start_with(options(), false).await
    }

    /// Starts an app whose calls to the engine go through a proxy.
    pub async fn proxied() -> Self {
        Self::start_with(options(), true).await
    }

    /// Starts an app of which all calls to the engine go through a proxy, including those of the stream's and queues'
    /// functions.
    pub async fn proxied_throughout() -> Self {
        let engine = dynamodb_local::engine().await;
        let proxy = Proxy::start(engine.url()).await;
        let endpoint = proxy.url().to_owned();
        let running = license_local::start_on(engine, (&endpoint, &endpoint), options()).await.expect("the app starts");
        let app = Self { running, proxy: Some(proxy), http: reqwest::Client::new(), numbers: AtomicU64::new(1) };
        app.stock().await;
        app
    }

    /// Starts an app with these options.
    pub async fn start_with(options: Options, proxied: bool) -> Self {
        let engine = dynamodb_local::engine().await;
        let proxy = if proxied { Some(Proxy::start(engine.url()).await) } else { None };
        let endpoint = proxy.as_ref().map_or(engine.url(), Proxy::url).to_owned();
        let direct = engine.url().to_owned();
        let running = license_local::start_on(engine, (&endpoint, &direct), options).await.expect("the app starts");
        let app = Self { running, proxy, http: reqwest::Client::new(), numbers: AtomicU64::new(1) };
        app.stock().await;
        if let Some(proxy) = &app.proxy {
            proxy.take();
        }
        app
    }

    /// Starts an app over a running engine, perhaps on threads of its own.
    pub async fn on(engine: Engine, options: Options) -> Self {
        let direct = engine.url().to_owned();
        let running = license_local::start_on(engine, (&direct, &direct), options).await.expect("the app starts");
        let app = Self { running, proxy: None, http: reqwest::Client::new(), numbers: AtomicU64::new(1) };
        app.stock().await;
        app
    }

    /// The products that every installation has.
    async fn stock(&self) {
        let store = self.running.store();
        if !store.products().await.expect("the table responds").products.is_empty() {
            return;
        }
        let bulk = BulkWriter::new(store.clone());
        bulk.put_products(&ProductCatalog::usual(), &stamp(self.now())).await.expect("written");
    }

    /// The running product.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The proxy in front of the engine.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("an app that was started with a proxy")
    }

    /// The app's time.
    pub fn now(&self) -> Timestamp {
        license_domain::Clock::now(self.running.clock().as_ref())
    }

    /// A number that this app has not used before.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A UUID that repeats that digit and ends with such a number, so that failures are easy to read.
    pub fn uuid(&self, digit: u8) -> Uuid {
        let head = u32::from_be_bytes([digit * 0x11; 4]);
        Uuid::from_u128(u128::from(head) << 96 | 0x4000_8000 << 48 | u128::from(self.number()))
    }

    /// A token with these claims.
    pub fn token(&self, claims: Value) -> String {
        self.running.token(claims).expect("the runner has made the keys")
    }

    /// A client with these claims.
    pub fn client_with(&self, claims: Value) -> Client {
        Client::new(self.http.clone(), self.running.url(), Some(self.token(claims)))
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.running.url(), None)
    }

    /// A client of that role with the customer.
    pub fn client(&self, role: Role, enterprise: EnterpriseId) -> Client {
        if role == Role::Anonymous {
            return self.anonymous();
        }
        self.client_as(role, role.claims(enterprise, EnterpriseId(Uuid::from_u128(0xf0f0))))
    }

    /// A client of that role with these claims.
    pub fn client_as(&self, role: Role, claims: Value) -> Client {
        let token = self.token(claims);
        let token = match role {
            Role::Anonymous => None,
            Role::Forged => {
                // The same claims with the signature of another token.
                let (claims, _) = token.rsplit_once('.').expect("three parts");
                let other = self.token(json!({ "preferred_username": "other-user" }));
                let (_, signature) = other.rsplit_once('.').expect("three parts");
                Some(format!("{claims}.{signature}"))
            }
            _ => Some(token),
        };
        Client::new(self.http.clone(), self.running.url(), token)
    }

    /// A learner of the customer with that address.
    pub fn learner(&self, enterprise: EnterpriseId, email: &str) -> Client {
        let mut claims = Role::Learner.claims(enterprise, enterprise);
        claims["email"] = json!(email);
        claims["preferred_username"] = json!(email.split('@').next());
        claims["user_id"] = json!(lms_user_id(email));
        self.client_with(claims)
    }

    /// A provisioning admin.
    pub fn provisioner(&self) -> Client {
        self.client(Role::Provisioner, EnterpriseId(Uuid::nil()))
    }

    /// Stores a role by which the user administers licenses.
    pub async fn grant(&self, username: &str, scope: Scope) {
        let grant = RoleGrant { role: RoleName::SubscriptionsAdmin, scope };
        let user = StoredUser { grants: vec![grant], ..StoredUser::default() };
        let bulk = BulkWriter::new(self.running.store().clone());
        bulk.put_users(&[(username.to_owned(), user)].into()).await.expect("written");
    }

    /// Moves the clock, and waits until everything that became due is done.
    pub async fn advance(&self, duration: &str) -> Value {
        self.anonymous().post("/_local/clock", &json!({ "advance": duration })).await.expect(200)
    }

    /// Waits until everything that changes have caused is done, as far as it is due.
    pub async fn drain(&self) -> Value {
        let drained = self.running.drain().await;
        assert_eq!(drained["drained"], true, "{drained}");
        drained
    }

    /// Everything in the table, read directly from the engine.
    pub async fn invariants(&self) -> Invariants {
        Invariants::take(self.running.store()).await
    }
}

/// The default options of tests.
pub fn options() -> Options {
    Options { clock: Some(NOW.parse().expect("a moment")), demo: false, ..Options::default() }
}

/// The LMS id of a learner, which is always the same.
pub fn lms_user_id(email: &str) -> u64 {
    email.bytes().fold(7, |hash: u64, byte| (hash * 31 + u64::from(byte)) % 1_000_000_007)
}

/// The stamp of the harness's own writes.
pub fn stamp(at: Timestamp) -> Stamp {
    Stamp { actor: "harness".into(), actor_lms_user_id: None, reason: "test".into(), request_id: "-".into(), at }
}
