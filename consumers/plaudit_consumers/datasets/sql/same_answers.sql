-- Answers with the same texts, in conversations with the same question.
--
-- variable files        the files of the subset `conversations` in the snapshot
-- variable application  the application
-- variable answers      the texts of the answers
-- variable question     the text of the last message of the prompt; null if there is none
SELECT conversation_id, answer.message_id
FROM (
    SELECT
        conversation_id,
        unnest(list_filter(messages, lambda m: list_contains(getvariable('answers'), m.content))) AS answer
    FROM read_parquet(getvariable('files'), hive_partitioning = false)
    WHERE application = getvariable('application')
      AND (getvariable('question') IS NULL
           OR len(list_filter(messages, lambda m: m.content = getvariable('question'))) > 0)
)
WHERE answer.role = 'assistant'
ORDER BY ALL;
