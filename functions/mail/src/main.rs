//! The Lambda function `mail`.

use std::sync::Arc;

use function_mail::{BrazeTransport, LogTransport, MailSettings, Sender, SesTransport, Transport};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use license_clients::{BrazeClient, BrazeSettings, ClientSettings, EnterpriseClient, ServiceClient, SesClient};
use license_domain::{Clock, Random};
use license_messaging::{MessagingSettings, SqsQueues};
use license_store::Store;
use license_telemetry::{SystemClock, SystemRandom};

#[tokio::main]
async fn main() -> Result<(), Error> {
    license_telemetry::init();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let store = Arc::new(Store::from_env(clock.clone(), random.clone()).await);
    let lookup = license_clients::environment().await?;
    let config = aws_config::load_from_env().await;
    let queues = Arc::new(SqsQueues::new(&MessagingSettings::from_lookup(&lookup), &config));
    let client = ServiceClient::new(ClientSettings::from_lookup(&lookup), clock.clone(), random.clone())?;
    let settings = MailSettings::from_lookup(&lookup);
    let transport: Arc<dyn Transport> = match settings.sender {
        Some(Sender::Braze) => {
            let braze = BrazeClient::new(BrazeSettings::from_lookup(&lookup), clock, random)?;
            Arc::new(BrazeTransport::new(Arc::new(braze), settings.clone()))
        }
        Some(Sender::Ses) => Arc::new(SesTransport::new(Arc::new(SesClient::from_env(clock, random).await?))),
        Some(Sender::Log) | None => Arc::new(LogTransport),
    };
    let enterprises = Arc::new(EnterpriseClient::new(client));
    let context = function_mail::context(&store, enterprises, transport, queues, settings);
    let handler =
        |event: LambdaEvent<_>| async { Ok::<_, Error>(function_mail::handle(&context, event.payload).await) };
    lambda_runtime::run(service_fn(handler)).await
}
