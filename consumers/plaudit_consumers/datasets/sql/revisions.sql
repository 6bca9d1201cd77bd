-- Lists every canonical row of the live root without its content, and chooses those of the snapshot.
--
-- variable conversations_files  the canonical files
-- part by_name              whether a column that a file lacks is null in its rows
-- variable as_of            only rows that the broker received up to this time; null: all
-- variable salt             a different salt gives different splits
-- variable train_end        the end of train, as a number of buckets out of a million
-- variable validation_end   the end of validation, in the same unit
-- table amendments
--
-- makes    revisions        every row
--          latest           the latest row of each conversation today
--          chosen           the latest row of each conversation at that time, with today's consent; `asker`
--                           stands for its user, or for the conversation where no user is named;
--                           `selected` is false where `unselected.sql` says so
--          facts            the facts of a conversation that a condition may use
--          split_of         the split of a text
--          conversation_lines  the lines of the chosen rows in `candidates`
--          candidates       empty; for each row of the snapshot, and for what gives no row, its keys and sort
--                           keys, and how many users, units and votes were added up in it. `fate` says why
--                           it is left out, and is null if it is not
CREATE TABLE revisions AS
SELECT application, conversation_id, revision, erased, consent, user_id, finished_at, recorded_at,
       record_offset, source_partition, source_offset, filename, file_row_number
FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name});

-- Erasures and denied consents count even if they are later than the time of the snapshot.
CREATE TABLE erased AS
SELECT DISTINCT application, conversation_id FROM revisions WHERE erased;

CREATE TABLE latest AS
SELECT * FROM revisions
QUALIFY row_number() OVER (
    PARTITION BY application, conversation_id
    ORDER BY source_offset DESC, record_offset DESC
) = 1;

-- A denial before the latest row was in the state that the row was made from, and so was a grant after it.
CREATE TABLE denials AS
SELECT application, conversation_id FROM latest WHERE consent = 'denied'
UNION
SELECT application, conversation_id
FROM amendments a JOIN latest l USING (application, conversation_id)
WHERE a.consent = 'denied' AND is_after(a, l);

CREATE MACRO split_of(text) AS
    CASE WHEN md5_number_lower(text) % 1000000 < getvariable('train_end') THEN 'train'
         WHEN md5_number_lower(text) % 1000000 < getvariable('validation_end') THEN 'validation'
         ELSE 'test' END;

CREATE TABLE chosen AS
WITH known AS (
    SELECT * FROM revisions
    WHERE getvariable('as_of') IS NULL OR recorded_at <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY application, conversation_id
        ORDER BY source_offset DESC, record_offset DESC
    ) = 1
),
-- All rows of a user are in one split. If no user is named, all rows of the conversation are.
asked AS (
    SELECT *, CASE WHEN user_id IS NULL THEN 'conversation' ELSE 'user' END AS asker_kind,
           coalesce(user_id, conversation_id) AS asker_id
    FROM known ANTI JOIN erased USING (application, conversation_id)
)
SELECT asked.* EXCLUDE (asker_kind, asker_id), denials.application IS NOT NULL AS denied, true AS selected,
       md5(to_json(struct_pack(a := application, b := conversation_id))::VARCHAR) AS key,
       md5(to_json(struct_pack(a := application, b := asker_kind, c := asker_id))::VARCHAR) AS asker,
       split_of(to_json(struct_pack(
           salt := getvariable('salt'), application := application, kind := asker_kind, id := asker_id
       ))::VARCHAR) AS split
FROM asked LEFT JOIN denials USING (application, conversation_id);

CREATE TABLE facts AS
SELECT c.application, c.conversation_id, struct_pack(
    source := r.source, end_reason := r.end_reason, started_at := r.started_at, ended_at := r.ended_at,
    recorded_at := r.recorded_at, model := r.model, user_id := r.user_id, variants := r.variants,
    tags := r.tags, prompt := r.prompt, session := r.session, continues := r.continues,
    events := r.events, missing_events := r.missing_events, messages := len(r.messages)
) AS conversation
FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name}) r
JOIN chosen c USING (filename, file_row_number)
WHERE getvariable('has_condition');

CREATE VIEW conversation_lines AS
SELECT 'conversation' AS kind, key, '' AS prompt, 0 AS turns, NULL AS model, asker, split, 1 AS users, 1 AS units,
       0 AS votes, split AS first_split, split AS last_split, finished_at, source_partition, source_offset
FROM chosen;

CREATE TABLE candidates (
    subset VARCHAR, kind VARCHAR, key VARCHAR, prompt VARCHAR, turns BIGINT, model VARCHAR, asker VARCHAR,
    split VARCHAR, users BIGINT, units BIGINT, votes BIGINT, first_split VARCHAR, last_split VARCHAR,
    finished_at TIMESTAMPTZ, source_partition INTEGER, source_offset BIGINT, fate VARCHAR
);
