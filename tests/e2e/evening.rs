//! An evening with everybody: a family on Telegram, a team with threads on Discord, private chats
//! that share an agent, a build server that talks into a conversation, strangers at the door. Real
//! containers, the demo agent, local doubles of the platforms. At the end, nothing of one domain lies
//! in another.

mod domains;
mod town;

use self::domains::check_isolation;
use self::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_passes_and_nothing_crosses_a_boundary() {
    let town = Town::open().await;
    ann_becomes_the_owner(&town).await;
    the_family_gets_an_agent_of_its_own(&town).await;
    the_team_works_in_threads(&town).await;
    two_private_chats_share_an_agent(&town).await;
    the_build_server_talks_into_a_conversation(&town).await;
    one_stranger_is_let_in_and_one_is_not(&town).await;
    an_admin_renames_the_trigger(&town).await;
    check_isolation(&town);
}

async fn ann_becomes_the_owner(town: &Town) {
    let code = town.json(&["pair", "--role", "owner", "--no-wait", "--json"])["code"].clone();
    town.private("4242", "Ann", code.as_str().unwrap()).await;
    town.telegram_shows("4242", "Paired").await;
    town.private("4242", "Ann", "remember word-private").await;
    town.telegram_shows("4242", "wrote it down").await;
}

async fn the_family_gets_an_agent_of_its_own(town: &Town) {
    town.family("4242", "Ann", "remember word-family").await;
    town.press("New agent").await;
    town.telegram_shows(&town.family, "wrote it down").await;
    // Not meant for the agent; overheard.
    town.family_overhears("4242", "Ann", "granny comes at eight").await;
    town.family("4242", "Ann", "context").await;
    town.telegram_shows(&town.family, "granny comes at eight").await;
}

async fn the_team_works_in_threads(town: &Town) {
    town.run(&["agents", "add", "work"]);
    town.work(None, "remember word-work").await;
    town.share("work").await;
    town.discord_shows(None, "wrote it down").await;
    let chat = format!("discord:{}", town.work.chat);
    town.run(&["wire", &chat, "work", "--per-thread", "--yes"]);
    town.work(Some("a"), "count").await;
    town.discord_shows(Some("a"), "number 1").await;
    town.work(Some("b"), "count").await;
    town.discord_shows(Some("b"), "number 1").await;
    town.work(Some("a"), "count").await;
    town.discord_shows(Some("a"), "number 2").await;
}

async fn two_private_chats_share_an_agent(town: &Town) {
    town.private("4545", "Carla", "recall").await;
    town.share("andy").await;
    // The same notes, another conversation.
    town.telegram_shows("4545", "word-private").await;
    town.private("4545", "Carla", "count").await;
    town.telegram_shows("4545", "number 2").await;
}

async fn the_build_server_talks_into_a_conversation(town: &Town) {
    town.run(&["agents", "add", "ops"]);
    town.private("4646", "Dan", "remember word-ops").await;
    town.share("ops").await;
    town.telegram_shows("4646", "wrote it down").await;
    town.run(&["wire", "telegram:4646", "ops", "--same-conversation", "--yes"]);
    // Heard of first; then the owner says whose it is, which answers the question about it too.
    town.hook("build-1", "the build of main failed").await;
    let hook = ["wire", "webhook:ci", "ops", "--same-conversation", "--engage", "always"];
    town.run(&[&hook[..], &["--scope", "all", "--yes"]].concat());
    town.run(&["chats", "set", "webhook:ci", "--policy", "public"]);
    town.private("4646", "Dan", "who").await;
    town.telegram_shows("4646", "you are Dan").await;
    town.hook("build-2", "the build of main failed again").await;
    // A hook takes no answer, so the conversation's other chat hears it.
    town.telegram_shows("4646", "failed again").await;
}

async fn one_stranger_is_let_in_and_one_is_not(town: &Town) {
    town.family("4747", "Eve", "hello from eve").await;
    town.press("Allow…").await;
    town.press("Yes, allow").await;
    town.telegram_shows(&town.family, "you said \"hello from eve\"").await;
    town.family("4848", "Mallory", "word-mallory").await;
    town.press("Refuse").await;
    town.telegram_shows(&town.family, "I may not talk with you here").await;
    town.family("4848", "Mallory", "word-mallory again").await;
    town.family("4242", "Ann", "still there?").await;
    town.telegram_shows(&town.family, "still there?").await;
}

async fn an_admin_renames_the_trigger(town: &Town) {
    let family = town.family_agent();
    town.run(&["roles", "grant", "telegram:4747", "admin", "--agent", &family]);
    let command = format!("admin agents set {family} --trigger @granny");
    town.private_known("4747", "Eve").await;
    town.family("4747", "Eve", &command).await;
    town.press("Allow").await;
    town.family_overhears("4747", "Eve", "@granny who").await;
    town.telegram_shows(&town.family, "you are Eve").await;
}
