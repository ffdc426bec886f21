//! Texts that customers wrote: other systems show them to learners as they are.

use license_tests::TestApp;
use serde_json::{Value, json};

use super::{AGREEMENT, File, admin, dump};

#[tokio::test]
async fn what_learners_see_of_a_customer_runs_no_script_and_keeps_its_links() {
    let app = TestApp::start().await;
    let mut rows = dump();
    let is_messaging = |row: &&mut Value| row["model"] == "subscriptions.customsubscriptionexpirationmessaging";
    let fields = &mut rows.iter_mut().find(is_messaging).expect("it is in the dump")["fields"];
    fields["expired_subscription_modal_messaging"] =
        json!("<p onclick=\"steal()\">Bye, <a href=\"https://example.com/a\">renew</a><script>steal()</script></p>");
    fields["url_for_button_in_modal"] = json!("javascript:steal()");
    let file = File::new(&rows);
    for _ in 0..2 {
        // The second time nothing differs from what is stored.
        file.import(&app).await.expect("imported");
        let agreement = admin(&app).get(&format!("/api/v1/customer-agreement/{AGREEMENT}/")).await.expect(200);
        assert_eq!(
            agreement["expired_subscription_modal_messaging_v2"],
            "<p>Bye, <a href=\"https://example.com/a\" rel=\"nofollow\">renew</a></p>"
        );
        assert_eq!(agreement["url_for_button_in_modal_v2"], Value::Null);
    }
}
