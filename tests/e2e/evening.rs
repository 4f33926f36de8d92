//! An evening with everybody: a family on Telegram, a team with threads on Discord, private chats
//! that share an agent, a build server that talks into a conversation, unknown users. Real
//! containers, the demo agent, local doubles of the platforms. At the end, nothing of one domain lies
//! in another.

mod domains;
mod multi_user;

use self::domains::check_isolation;
use self::multi_user::MultiUser;

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_passes_and_nothing_crosses_a_boundary() {
    let multi_user = MultiUser::open().await;
    ann_becomes_the_owner(&multi_user).await;
    ann_is_heard_and_her_bill_is_read(&multi_user).await;
    the_family_gets_an_agent_of_its_own(&multi_user).await;
    the_team_works_in_threads(&multi_user).await;
    two_private_chats_share_an_agent(&multi_user).await;
    the_build_server_talks_into_a_conversation(&multi_user).await;
    one_unknown_user_is_let_in_and_one_is_not(&multi_user).await;
    an_admin_renames_the_trigger(&multi_user).await;
    check_isolation(&multi_user);
}

async fn ann_becomes_the_owner(multi_user: &MultiUser) {
    let code = multi_user.json(&["pair", "--role", "owner", "--no-wait", "--json"])["code"].clone();
    multi_user.private("4242", "Ann", code.as_str().unwrap()).await;
    multi_user.telegram_shows("4242", "Paired").await;
    multi_user.private("4242", "Ann", "remember word-private").await;
    multi_user.telegram_shows("4242", "wrote it down").await;
}

/// What stands for a program that understands speech lies in the workspace, where its agent put it.
async fn ann_is_heard_and_her_bill_is_read(multi_user: &MultiUser) {
    let voice = ("note.ogg", "audio/ogg", &b"OggS call me at nine"[..]);
    multi_user.private_file("4242", "Ann", voice).await;
    multi_user.telegram_shows("4242", "nothing here turns speech into text").await;
    multi_user.private("4242", "Ann", "file hear.sh tr a-z A-Z <\"$1\"").await;
    multi_user.telegram_shows("4242", "I sent hear.sh").await;
    multi_user.run(&["agents", "set", "andy", "--transcribe", "bash hear.sh {file}"]);
    multi_user.private_file("4242", "Ann", voice).await;
    multi_user.telegram_shows("4242", "saying \"OGGS CALL ME AT NINE\"").await;
    let told = multi_user.run(&["why", "last"]);
    assert!(told.contains("heard") && told.contains("\"OGGS CALL ME AT NINE\" in "), "{told}");
    multi_user.private_file("4242", "Ann", ("bill.pdf", "application/pdf", BILL)).await;
    multi_user.telegram_shows("4242", "saying \"The bill is 42 euros\"").await;
    let broken = ("scan.pdf", "application/pdf", &b"%PDF-1.7 and nothing more"[..]);
    multi_user.private_file("4242", "Ann", broken).await;
    multi_user.telegram_shows("4242", "could not be read: its program ended").await;
}

/// One page by hand, without a table of its objects: readers find them.
const BILL: &[u8] = b"%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R
/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 55>>stream
BT /F1 20 Tf 20 100 Td (The bill is 42 euros) Tj ET    
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
";

async fn the_family_gets_an_agent_of_its_own(multi_user: &MultiUser) {
    multi_user.family("4242", "Ann", "remember word-family").await;
    multi_user.press("New agent").await;
    multi_user.telegram_shows(&multi_user.family, "wrote it down").await;
    // Not meant for the agent; stored as context.
    multi_user.family_context("4242", "Ann", "granny comes at eight").await;
    multi_user.family("4242", "Ann", "context").await;
    multi_user.telegram_shows(&multi_user.family, "granny comes at eight").await;
}

async fn the_team_works_in_threads(multi_user: &MultiUser) {
    multi_user.run(&["agents", "add", "work"]);
    multi_user.work(None, "remember word-work").await;
    multi_user.share("work").await;
    multi_user.discord_shows(None, "wrote it down").await;
    let chat = format!("discord:{}", multi_user.work.chat);
    multi_user.run(&["wire", &chat, "work", "--per-thread", "--yes"]);
    multi_user.work(Some("a"), "count").await;
    multi_user.discord_shows(Some("a"), "number 1").await;
    multi_user.work(Some("b"), "count").await;
    multi_user.discord_shows(Some("b"), "number 1").await;
    multi_user.work(Some("a"), "count").await;
    multi_user.discord_shows(Some("a"), "number 2").await;
}

async fn two_private_chats_share_an_agent(multi_user: &MultiUser) {
    multi_user.private("4545", "Carla", "recall").await;
    multi_user.share("andy").await;
    // The same notes, another conversation.
    multi_user.telegram_shows("4545", "word-private").await;
    multi_user.private("4545", "Carla", "count").await;
    multi_user.telegram_shows("4545", "number 2").await;
}

async fn the_build_server_talks_into_a_conversation(multi_user: &MultiUser) {
    multi_user.run(&["agents", "add", "ops"]);
    multi_user.private("4646", "Dan", "remember word-ops").await;
    multi_user.share("ops").await;
    multi_user.telegram_shows("4646", "wrote it down").await;
    multi_user.run(&["wire", "telegram:4646", "ops", "--same-conversation", "--yes"]);
    // Heard of first; then the owner says whose it is, which answers the question about it too.
    multi_user.hook("build-1", "the build of main failed").await;
    let hook = ["wire", "webhook:ci", "ops", "--same-conversation", "--engage", "always"];
    multi_user.run(&[&hook[..], &["--scope", "all", "--yes"]].concat());
    multi_user.run(&["chats", "set", "webhook:ci", "--policy", "public"]);
    multi_user.private("4646", "Dan", "who").await;
    multi_user.telegram_shows("4646", "you are Dan").await;
    multi_user.hook("build-2", "the build of main failed again").await;
    // A hook takes no answer, so the conversation's other chat hears it.
    multi_user.telegram_shows("4646", "failed again").await;
}

async fn one_unknown_user_is_let_in_and_one_is_not(multi_user: &MultiUser) {
    multi_user.family("4747", "Eve", "hello from eve").await;
    multi_user.press("Allow…").await;
    multi_user.press("Yes, allow").await;
    multi_user.telegram_shows(&multi_user.family, "you said \"hello from eve\"").await;
    multi_user.family("4848", "Mallory", "word-mallory").await;
    multi_user.press("Refuse").await;
    multi_user.telegram_shows(&multi_user.family, "not allowed to talk with you here").await;
    multi_user.family("4848", "Mallory", "word-mallory again").await;
    multi_user.family("4242", "Ann", "still there?").await;
    multi_user.telegram_shows(&multi_user.family, "still there?").await;
}

async fn an_admin_renames_the_trigger(multi_user: &MultiUser) {
    let family = multi_user.family_agent();
    multi_user.run(&["roles", "grant", "telegram:4747", "admin", "--agent", &family]);
    let command = format!("admin agents set {family} --trigger @granny");
    multi_user.private_known("4747", "Eve").await;
    multi_user.family("4747", "Eve", &command).await;
    multi_user.press("Allow").await;
    multi_user.family_context("4747", "Eve", "@granny who").await;
    multi_user.telegram_shows(&multi_user.family, "you are Eve").await;
}
