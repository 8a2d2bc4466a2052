/*
 * A message on its way: its octets become facts and records, the records wait for the scan in
 * blocks of the lane's pool, the scan ends in a judgement, and the reply to the content ends it
 * all.
 */
#include "dataplane/engine/internal.h"

#include <stdio.h>

/* How a record lies in a block of the queue. */
struct queued {
	uint32_t data_len;
	uint32_t stream;
	uint16_t name_len;
	uint8_t kind;
	uint8_t last;
};

#define QUEUED_MAX (sizeof(((struct mw_record_block *)NULL)->data) - sizeof(struct queued))

static void scan_now(struct mw_lane *lane, struct mw_transfer *t, const struct mw_record *record)
{
	mw_scan_record(t->scan, t->scratch, record);
	lane->counters.scanned_bytes += record->data.len;
}

static struct mw_record_block *block_for(struct mw_lane *lane, struct mw_transfer *t, size_t need)
{
	struct mw_record_block *block = t->tail;

	if (block != NULL && block->used + need <= sizeof(block->data))
		return block;
	block = mw_pool_get(&lane->record_pool);
	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->used = block->read = 0;
	if (t->tail != NULL)
		t->tail->next = block;
	else
		t->head = block;
	t->tail = block;
	t->queue_blocks++;
	return block;
}

static void run_add(struct mw_lane *lane, struct mw_transfer *t)
{
	if (t->queued)
		return;
	t->queued = true;
	t->run_next = NULL;
	if (lane->run_tail != NULL)
		lane->run_tail->run_next = t;
	else
		lane->run_head = t;
	lane->run_tail = t;
}

static void run_remove(struct mw_lane *lane, struct mw_transfer *t)
{
	struct mw_transfer **at = &lane->run_head, *previous = NULL;

	if (!t->queued)
		return;
	while (*at != t) {
		previous = *at;
		at = &(*at)->run_next;
	}
	*at = t->run_next;
	if (lane->run_tail == t)
		lane->run_tail = previous;
	t->queued = false;
}

static void on_record(void *ctx, const struct mw_record *record)
{
	struct mw_transfer *t = ctx;
	struct mw_lane *lane = t->lane;
	size_t need = sizeof(struct queued) + record->name.len + record->data.len;
	struct mw_record_block *block;
	struct queued q;

	if (t->scan == NULL)
		return;
	if (lane->config.scan_budget_ns == 0) {
		scan_now(lane, t, record);
		return;
	}
	need = (need + 7) & ~(size_t)7;
	block = need <= QUEUED_MAX && record->name.len <= UINT16_MAX ? block_for(lane, t, need)
								     : NULL;
	if (block == NULL) {
		/* No room: what waits goes first, to keep the order within a stream, then this one.
		 */
		mw_transfer_drain(lane, t);
		scan_now(lane, t, record);
		lane->counters.scan_inline++;
		return;
	}
	q = (struct queued){
		.data_len = (uint32_t)record->data.len,
		.stream = record->stream,
		.name_len = (uint16_t)record->name.len,
		.kind = (uint8_t)record->kind,
		.last = record->last,
	};
	memcpy(block->data + block->used, &q, sizeof(q));
	if (record->name.len > 0)
		memcpy(block->data + block->used + sizeof(q), record->name.data, record->name.len);
	if (record->data.len > 0)
		memcpy(block->data + block->used + sizeof(q) + record->name.len, record->data.data,
			record->data.len);
	block->used += (uint32_t)need;
	run_add(lane, t);
}

/* Scans the oldest record that waits; false when none does. */
static bool scan_next(struct mw_lane *lane, struct mw_transfer *t)
{
	struct mw_record_block *block = t->head;
	struct mw_record record;
	struct queued q;
	const uint8_t *at;

	if (block == NULL)
		return false;
	at = block->data + block->read;
	memcpy(&q, at, sizeof(q));
	record = (struct mw_record){
		.kind = (enum mw_record_kind)q.kind,
		.name = mw_span_of(at + sizeof(q), q.name_len),
		.data = mw_span_of(at + sizeof(q) + q.name_len, q.data_len),
		.stream = q.stream,
		.last = q.last != 0,
	};
	scan_now(lane, t, &record);
	block->read += (uint32_t)((sizeof(q) + q.name_len + q.data_len + 7) & ~(size_t)7);
	if (block->read < block->used)
		return true;
	t->head = block->next;
	if (t->head == NULL)
		t->tail = NULL;
	t->queue_blocks--;
	mw_pool_put(&lane->record_pool, block);
	return true;
}

static uint64_t fingerprint(const struct mw_lane *lane, const struct mw_transfer *t)
{
	const struct mw_smtp_envelope *env = t->envelope;
	uint64_t h = mw_flow_hash(lane->config.key, &t->flow->customer, sizeof(t->flow->customer));

	h = mw_flow_hash(h, env->mail_from.data, env->mail_from.len);
	for (const struct mw_smtp_rcpt *r = env->rcpts; r != NULL; r = r->next)
		h = mw_flow_hash(h, r->address.data, r->address.len);
	return h ^ mw_message_facts(t->message)->content_key;
}

static int32_t threshold_for(const struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_customer_entry *customer;

	if (lane->snapshot == NULL)
		return MW_THRESHOLD_DEFAULT_MILLI;
	customer = mw_snapshot_customer_entry(lane->snapshot, flow->customer);
	if (customer->known && customer->spam_threshold_milli > 0)
		return customer->spam_threshold_milli;
	return lane->snapshot->settings.default_threshold_milli;
}

/* Nothing is refused of a customer whom others share, nor where one end is not seen. */
static bool may_refuse(const struct mw_lane *lane, const struct mw_transfer *t)
{
	if (lane->config.passive)
		return true;
	if (t->flow->one_sided || lane->snapshot == NULL || t->timed_out ||
		lane->snapshot->settings.observe)
		return false;
	return !mw_snapshot_customer_entry(lane->snapshot, t->flow->customer)->shared;
}

/* Beyond what a customer under RATE may send? Asked once a message: it is taken from his budget. */
static bool over_rate(struct mw_transfer *t)
{
	return mw_ruling_of_flow(t->lane, t->flow).verdict == MW_VERDICT_RATE &&
	       !mw_rate_message(t->lane, t->flow->line, t->envelope->rcpts_accepted);
}

/* What policy makes of what was found. A message that is not whole is never refused, but for one
 * that was given up at something that looks like its end. */
static void choose_action(const struct mw_lane *lane, struct mw_transfer *t)
{
	bool may = may_refuse(lane, t), refuse_worm = may, refuse_spam = false;

	if (lane->snapshot != NULL) {
		refuse_worm = may && lane->snapshot->settings.refuse_worm;
		refuse_spam = may && lane->snapshot->settings.refuse_spam;
	}
	t->refuse = false;
	if (t->smuggles) {
		t->refuse = true;
		t->reason = MW_REASON_REFUSE_SMUGGLING;
	} else if (!t->complete) {
		t->reason = MW_REASON_INCOMPLETE;
	} else if (t->flow->refusal == MW_REFUSAL_SESSION) {
		t->refuse = true;
		t->reason = MW_REASON_REFUSE_VERDICT;
	} else if (t->klass == MW_CLASS_WORM) {
		t->refuse = refuse_worm;
		t->reason = refuse_worm ? MW_REASON_REFUSE_WORM : MW_REASON_OBSERVED_WORM;
	} else if (t->klass == MW_CLASS_SPAM) {
		t->refuse = refuse_spam;
		t->reason = refuse_spam ? MW_REASON_REFUSE_SPAM : MW_REASON_OBSERVED_SPAM;
	} else {
		t->reason = MW_REASON_CLEAN;
	}
	if (t->complete && !t->refuse && may && over_rate(t)) {
		t->refuse = t->later = true;
		t->reason = MW_REASON_RATE_LIMIT;
	}
}

bool mw_transfer_refuses_smuggling(const struct mw_lane *lane, const struct mw_transfer *t)
{
	return may_refuse(lane, t) &&
	       (lane->snapshot == NULL || lane->snapshot->settings.refuse_smuggling);
}

/* The dearest rule that matched: what the sender may be told of what was found. */
static struct mw_span rule_of(const struct mw_transfer *t)
{
	const struct mw_match *dearest = t->matches;

	for (const struct mw_match *m = t->matches; m != NULL; m = m->next)
		if (m->score_milli > dearest->score_milli)
			dearest = m;
	return dearest != NULL ? dearest->rule : mw_span_of(NULL, 0);
}

/* Written before the flow gives the message up. */
static void refusal_text(struct mw_transfer *t)
{
	char *text = t->refusal_text;
	size_t size = sizeof(t->refusal_text);
	const struct mw_snapshot *snapshot = t->lane->snapshot;
	struct mw_span rule = rule_of(t);
	char found[64];
	size_t len;

	if (t->reason == MW_REASON_REFUSE_VERDICT || t->later) {
		struct mw_ruling ruling = mw_ruling_of_flow(t->lane, t->flow);

		snprintf(text, size, "%s", mw_ruling_reply(&ruling));
		return;
	}
	if (t->smuggles)
		snprintf(found, sizeof(found), "ambiguous end of data");
	else
		snprintf(found, sizeof(found), "%s %.*s",
			t->klass == MW_CLASS_WORM ? "worm" : "spam",
			(int)(rule.len < 40 ? rule.len : 40), (const char *)rule.data);
	len = (size_t)snprintf(text, size, "%.110s: %s, reference %016llx",
		snapshot != NULL ? snapshot->settings.refuse_reply : "message refused", found,
		(unsigned long long)fingerprint(t->lane, t));
	for (size_t i = 0; i < len && i < size - 1; i++) /* names of rules are octets of a file */
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
}

/* Their names; without memory for all of them the last ones are missing, the score is not. */
static void keep_matches(struct mw_transfer *t, const struct mw_scan_result *result)
{
	const struct mw_match **last = &t->matches;

	for (uint32_t i = 0; i < result->hit_count; i++) {
		const struct mw_ruleset_rule *rule =
			mw_ruleset_rule(t->rules, result->hits[i].rule);
		struct mw_match *match = mw_arena_alloc(&t->arena, sizeof(*match));

		if (match == NULL)
			return;
		*match = (struct mw_match){
			.rule = rule->name,
			.score_milli = rule->score_milli,
		};
		*last = match;
		last = &match->next;
	}
}

static void judge(struct mw_lane *lane, struct mw_transfer *t)
{
	t->state = MW_TRANSFER_JUDGED;
	t->klass = MW_CLASS_HAM;
	if (t->scan != NULL) {
		struct mw_scan_result result;

		mw_scan_end(t->scan, t->scratch, t->threshold_milli, &result);
		t->scan = NULL;
		t->klass = result.klass;
		t->score_milli = result.score_milli;
		keep_matches(t, &result);
	}
	choose_action(lane, t);
	if (t->timed_out) {
		t->refuse = false;
		t->reason = MW_REASON_SCAN_TIMEOUT;
	}
	lane->counters.reason[t->reason]++;
	if (t->refuse && t->holds_flow) {
		refusal_text(t);
		mw_refusal_ask(lane, t->flow, MW_REFUSAL_MESSAGE);
		if (t->answered) /* before its end, by the server itself */
			t->flow->content->server_said = true;
	}
	/* Not now: what is held goes on to be parsed, and that may end this very message's flow. */
	if (t->holds_flow)
		t->flow->release_due = true;
}

void mw_transfer_drain(struct mw_lane *lane, struct mw_transfer *t)
{
	while (scan_next(lane, t))
		;
	run_remove(lane, t);
	if (t->state == MW_TRANSFER_ENDED)
		judge(lane, t);
}

bool mw_transfer_run(struct mw_lane *lane)
{
	struct mw_transfer *t = lane->run_head;

	if (t == NULL)
		return false;
	run_remove(lane, t);
	scan_next(lane, t);
	if (t->head != NULL) {
		run_add(lane, t); /* to the end: no message makes another wait for all of it */
	} else if (t->state == MW_TRANSFER_ENDED) {
		struct mw_flow *flow = t->flow;

		judge(lane, t);
		mw_transfer_settle(lane, t);
		mw_hold_release_due(lane, flow);
	}
	return true;
}

static uint32_t wants(const struct mw_lane *lane, const struct mw_ruleset *rules)
{
	uint32_t want = MW_MESSAGE_WANT_CONTENT_KEY;

	if (lane->config.want_hashes)
		want |= MW_MESSAGE_WANT_SHA256;
	if (lane->config.want_parts)
		want |= MW_MESSAGE_WANT_PART_SHA256 | MW_MESSAGE_WANT_URLS |
			MW_MESSAGE_WANT_MEMBERS;
	if (rules != NULL) {
		want |= mw_ruleset_wants(rules);
		if (mw_ruleset_rawbody_in_full(rules))
			want |= MW_MESSAGE_WANT_RAWBODY_NEW;
	}
	return want;
}

struct mw_transfer *mw_transfer_begin(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_smtp_envelope *envelope)
{
	struct mw_transfer *t = mw_pool_get(&lane->transfer_pool), **at;
	struct mw_rules_slot *slot =
		lane->rules_current < MW_RULES_SLOTS ? &lane->rules[lane->rules_current] : NULL;

	if (t == NULL) {
		mw_smtp_envelope_release(envelope);
		return NULL;
	}
	memset(t, 0, sizeof(*t));
	t->lane = lane;
	t->flow = flow;
	t->envelope = envelope;
	t->is_message = true;
	t->threshold_milli = threshold_for(lane, flow);
	mw_arena_init(&t->arena, &lane->record_pool, MW_FACTS_BLOCKS_MAX);
	if (slot != NULL) {
		void *memory = mw_arena_alloc(&t->arena, mw_scan_bytes(slot->rules));

		if (memory == NULL) { /* what cannot be scanned must not pass for clean */
			mw_arena_reset(&t->arena);
			mw_smtp_envelope_release(envelope);
			mw_pool_put(&lane->transfer_pool, t);
			return NULL;
		}
		t->scan = mw_scan_begin(memory, slot->rules);
		t->rules = slot->rules;
		t->scratch = slot->scratch;
		t->slot = lane->rules_current;
		slot->users++;
	}
	t->config = lane->message_config;
	t->config.want = wants(lane, t->rules);
	t->config.full_quiet = t->rules != NULL ? mw_ruleset_full_quiet(t->rules) : 0;
	t->message = mw_message_init((uint8_t *)t + MW_TRANSFER_HEADER, &t->config, &t->arena,
		lane->message_scratch, on_record, t);
	for (at = &flow->content->transfers; *at != NULL; at = &(*at)->flow_next)
		;
	*at = t;
	return t;
}

/* What was odd about the message is told of its session, which has the list. */
static void tell_anomalies(struct mw_lane *lane, struct mw_transfer *t)
{
	uint64_t bits = mw_message_facts(t->message)->anomalies;

	for (; bits != 0; bits &= bits - 1)
		mw_flow_anomaly(lane, t->flow, mw_reason_anomaly((unsigned)__builtin_ctzll(bits)));
	if (t->envelope->rcpts_unlisted > 0)
		mw_flow_anomaly(lane, t->flow, MW_REASON_FACTS_CUT);
}

void mw_transfer_end(struct mw_lane *lane, struct mw_transfer *t, bool complete)
{
	mw_message_end(t->message, complete);
	tell_anomalies(lane, t);
	t->complete = complete;
	t->end_ns = lane->config.passive ? t->flow->content->read_ns : lane->now_ns;
	t->state = MW_TRANSFER_ENDED;
	if (t->head == NULL)
		judge(lane, t);
}

static uint32_t count_ham(struct mw_lane *lane, const struct mw_transfer *t)
{
	uint32_t customer = t->flow->customer, before = 0;

	if (customer >= lane->config.customers)
		return 0;
	if (t->klass == MW_CLASS_HAM) {
		lane->ham[customer]++;
	} else {
		before = lane->ham[customer];
		lane->ham[customer] = 0;
	}
	return before;
}

static void report(struct mw_lane *lane, const struct mw_transfer *t)
{
	const struct mw_flow *flow = t->flow;
	const struct mw_flow_key *key = &flow->link.key;
	struct mw_lane_message m = {
		.session = flow->session,
		.lane = lane->config.lane,
		.client = key->client,
		.server = key->server,
		.client_port = key->client_port,
		.server_port = key->server_port,
		.vlan_outer = flow->vlan_outer,
		.vlan_inner = flow->vlan_inner,
		.customer_index = flow->customer,
		.start_ns = t->envelope->start_ns,
		.end_ns = t->complete ? t->end_ns : flow->last_ns,
		.envelope = t->envelope,
		.facts = mw_message_facts(t->message),
		.complete = t->complete && mw_message_facts(t->message)->complete,
		.matches = t->matches,
		.score_milli = t->score_milli,
		.threshold_milli = t->threshold_milli,
		.klass = t->klass,
		.refuse = t->refuse,
		.reason = t->reason,
		.ham_before = count_ham(lane, t),
		.fingerprint = fingerprint(lane, t),
		.campaign = mw_message_facts(t->message)->content_key,
		.ttl = flow->ttl,
		.window = flow->window,
		.mss = flow->mss,
	};

	lane->counters.messages++;
	if (lane->sink.message != NULL)
		lane->sink.message(lane->sink.ctx, &m);
}

static void release(struct mw_lane *lane, struct mw_transfer *t)
{
	struct mw_transfer **at = &t->flow->content->transfers;

	while (*at != t)
		at = &(*at)->flow_next;
	*at = t->flow_next;
	if (t->flow->content->receiving == t)
		t->flow->content->receiving = NULL;
	run_remove(lane, t);
	while (t->head != NULL) {
		struct mw_record_block *block = t->head;

		t->head = block->next;
		mw_pool_put(&lane->record_pool, block);
	}
	if (t->rules != NULL) {
		if (t->scan != NULL)
			mw_scan_abandon(t->scan, t->scratch);
		lane->rules[t->slot].users--;
	}
	mw_arena_reset(&t->arena);
	mw_smtp_envelope_release(t->envelope);
	mw_pool_put(&lane->transfer_pool, t);
}

bool mw_transfer_settle(struct mw_lane *lane, struct mw_transfer *t)
{
	if (t->state != MW_TRANSFER_JUDGED || !t->answered)
		return false;
	if (t->is_message) {
		t->flow->messages++;
		report(lane, t);
	}
	release(lane, t);
	return true;
}
