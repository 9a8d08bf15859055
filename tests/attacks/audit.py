"""Whether everything that was decided about money is in the audit: who, what, about whom, and why."""

from typing import Final

from tests.attacks.scene import Scene

_MISSING: Final = """
    WITH verb (kind, done, proposed) AS (
        VALUES ('payout', 'payout.make', 'payout.propose'), ('line', 'line.set', 'line.propose'),
               ('waiver', 'debt.waive', 'debt.propose_waiver'),
               ('write_off', 'agreement.write_off', 'agreement.propose_write_off')
    ), done AS (
        SELECT decided_by AS actor, verb.done AS action, coalesce('agreement:' || agreement_id, 'member:' || member_id) AS subject
          FROM decision JOIN verb USING (kind) WHERE approved_by IS NULL AND decided_by <> 'before'
        UNION ALL
        SELECT approved_by, 'proposal.approve', coalesce('agreement:' || agreement_id, 'member:' || member_id)
          FROM decision WHERE approved_by IS NOT NULL
        UNION ALL
        SELECT proposed_by, verb.proposed, coalesce('agreement:' || agreement_id, 'member:' || member_id)
          FROM proposal JOIN verb USING (kind) WHERE proposed_by <> 'ladder'
        UNION ALL
        SELECT decided_by, 'repayment.confirm', 'repayment:' || repayment_id
          FROM repayment WHERE state = 'confirmed' AND evidence = 'bank'
    ), counted AS (
        SELECT actor, action, subject, count(*) AS n FROM done GROUP BY actor, action, subject
    )
    SELECT coalesce(string_agg(format('%s %s %s', actor, action, subject), ', '), '')
      FROM counted
     WHERE n <> (SELECT count(*) FROM audit
                  WHERE (audit.actor, audit.action, audit.subject) = (counted.actor, counted.action, counted.subject))
"""


async def not_audited(scene: Scene) -> str:
    """What was done and is not in the audit as often; empty when all is."""
    return str(await scene.fetchval(_MISSING))
