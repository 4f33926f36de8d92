//! The tools about what is to be done at set times.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Tools;
use crate::host_client::{ToolResult, task_line};

#[derive(Debug, Deserialize, JsonSchema)]
struct ScheduleTask {
    /// When: plain words such as `in 20 minutes`, `tomorrow at 8`, `on 24 december at 9:00`, `every 2
    /// hours`, `every weekday at 9`, `every monday and thursday at 7pm`, `every 2 weeks on friday at
    /// 10`, `on the last day of every month at 18:00`; a time like `2026-12-24T09:00`; or a cron
    /// expression with five fields such as `0 9 * * 1-5`. English only: put what people say in another
    /// language into these words.
    when: String,
    /// What you are to do then. You will read it without this conversation's last words at hand, so
    /// say everything that is needed: what to look at, what to write, in which language.
    prompt: String,
    /// In whose time `when` is meant, as a name like `Europe/Berlin`. Leave it out for the zone of the
    /// person whom you are answering.
    timezone: Option<String>,
    /// What to do about times that pass while the machine is off: `latest` (once, late; this is what
    /// happens if it is left out), `all 5` (the last five), `skip 10m` (not at all when it is more
    /// than ten minutes late).
    missed: Option<String>,
    /// A bash script that runs first, in your container, without you: at most 30 seconds. Its last
    /// line of output has to be JSON, {"wakeAgent": true or false, "data": anything}. With false
    /// nothing happens and nothing is spent; with true you get the data. Use it where most times
    /// there is nothing to do, such as watching a page.
    script: Option<String>,
    /// The name of another chat that is to get the answer, as list_destinations gives it. Leave it
    /// out for this chat.
    destination: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct UpdateTask {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
    /// The new time, as for schedule_task. A time of day alone, such as `9:30`, keeps the days.
    when: Option<String>,
    /// What you are to do from now on.
    prompt: Option<String>,
    /// In whose time it is meant.
    timezone: Option<String>,
    /// As for schedule_task.
    missed: Option<String>,
    /// As for schedule_task; an empty text takes the script away.
    script: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OneTask {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ListTasks {
    /// Also those that are done or cancelled.
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TaskHistory {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
    /// How many of the last times, 10 if left out.
    limit: Option<u32>,
}

#[tool_router(router = task_router, vis = "pub(super)")]
impl Tools {
    /// Do something later, once or again and again: reminders, briefings, checks. It outlives this
    /// conversation and restarts of the machine; nothing else that you can start does. At the time
    /// you are given the prompt and your answer goes to the chat. Returns the task's number, the
    /// rule in words and the next times in local time: tell these to the person, so that a
    /// misunderstanding shows.
    #[tool]
    async fn schedule_task(&self, Parameters(task): Parameters<ScheduleTask>) -> ToolResult {
        let options = [
            ("zone", task.timezone.as_deref()),
            ("missed", task.missed.as_deref()),
            ("script", task.script.as_deref()),
            ("chat", task.destination.as_deref()),
        ];
        self.host_client.tasks(task_line("add", &[&task.when, &task.prompt], &options)).await
    }

    /// List what is scheduled, as far as the person whom you are answering may see it: numbers,
    /// rules in words, the next times, the last results. Look here before you change a task, and
    /// before you say what is scheduled.
    #[tool]
    async fn list_tasks(&self, list: Parameters<ListTasks>) -> ToolResult {
        self.host_client
            .tasks(task_line(if list.0.all { "list --all" } else { "list" }, &[], &[]))
            .await
    }

    /// Change when a task comes or what you are to do then. What is left out stays as it is.
    /// Returns what is stored afterwards, with the next times.
    #[tool]
    async fn update_task(&self, Parameters(update): Parameters<UpdateTask>) -> ToolResult {
        let options = [
            ("when", update.when.as_deref()),
            ("prompt", update.prompt.as_deref()),
            ("zone", update.timezone.as_deref()),
            ("missed", update.missed.as_deref()),
            ("script", update.script.as_deref()),
        ];
        self.host_client.tasks(task_line("edit", &[&update.task], &options)).await
    }

    /// Pause a task until resume_task. Runs due while it is paused are skipped.
    #[tool]
    async fn pause_task(&self, one: Parameters<OneTask>) -> ToolResult {
        self.host_client.tasks(task_line("pause", &[&one.0.task], &[])).await
    }

    /// Let a task go on that was paused, or that stopped because it kept failing.
    #[tool]
    async fn resume_task(&self, one: Parameters<OneTask>) -> ToolResult {
        self.host_client.tasks(task_line("resume", &[&one.0.task], &[])).await
    }

    /// End a task for good. Use pause_task for "not now". A task that has done its purpose may
    /// cancel itself.
    #[tool]
    async fn cancel_task(&self, one: Parameters<OneTask>) -> ToolResult {
        self.host_client.tasks(task_line("cancel", &[&one.0.task], &[])).await
    }

    /// Run a task once, now, besides its times: when somebody wants to see what it does. It is
    /// queued and runs after what you are doing.
    #[tool]
    async fn run_task_now(&self, one: Parameters<OneTask>) -> ToolResult {
        self.host_client.tasks(task_line("run", &[&one.0.task], &[])).await
    }

    /// Show when a task came, how late, what came of it, and which times were skipped: to answer
    /// why something did not happen.
    #[tool]
    async fn task_history(&self, Parameters(history): Parameters<TaskHistory>) -> ToolResult {
        let limit = history.limit.map(|it| it.to_string());
        self.host_client
            .tasks(task_line("history", &[&history.task], &[("limit", limit.as_deref())]))
            .await
    }
}
