# %%
import pandas as pd
import numpy as np
loans = pd.read_csv('loans.csv')
payments = pd.read_csv('payments.csv')
for d, c in ((loans, 'start'), (payments, 'paid_at')):
    d[c] = pd.to_datetime(d[c])
# %%
# cohort = month in which the loan began
loans['cohort'] = loans['start'].dt.to_period('M')
x = payments.merge(loans[['loan', 'start', 'cohort', 'amount', 'segment']], on='loan', how='inner')
x = x.loc[x['paid_at'] >= x['start']]
x['pay_month'] = x['paid_at'].dt.to_period('M')
x['age'] = (x['pay_month'].dt.year - x['cohort'].dt.year) * 12 + (x['pay_month'].dt.month - x['cohort'].dt.month)
# %%
sizes = loans.groupby('cohort')['amount'].agg(['sum', 'count'])
paid = x.groupby(['cohort', 'age'])['paid'].sum().unstack(fill_value=0.0)
cum = paid.cumsum(axis=1)
rate = cum.div(sizes['sum'], axis=0).round(4)
rate.columns = [f'm{c}' for c in rate.columns]
rate.index = rate.index.astype(str)
rate.to_csv('out/vintage.csv')
# %%
active = x.groupby(['cohort', 'age'])['loan'].nunique().unstack()
retention = active.divide(sizes['count'], axis=0)
long = retention.stack().rename('active').reset_index()
long['cohort'] = long['cohort'].astype(str)
long['rel'] = long.groupby('cohort')['active'].transform(lambda s: s / s.iloc[0] if s.iloc[0] else np.nan)
long.to_csv('out/retention.csv', index=False)
# %%
chan = pd.crosstab(x['cohort'].astype(str), x['channel'].fillna('unknown'), values=x['paid'], aggfunc='sum', normalize='index').fillna(0)
chan.reset_index().to_csv('out/channel_mix.csv', index=False)
# %%
latest = rate.ffill(axis=1).iloc[:, -1]
slow = latest[latest < latest.median()].index
chase = loans[loans['cohort'].astype(str).isin(slow) & loans['status'].ne('paid')].copy()
chase['cohort'] = chase['cohort'].astype(str)
chase['n_in_cohort'] = chase.groupby('cohort')['loan'].transform('size')
chase[['loan', 'client', 'cohort', 'amount', 'n_in_cohort']].sort_values(['cohort', 'loan']).to_csv('out/chase.csv', index=False)
# %%
seg = x.groupby(['segment', 'age'], as_index=False)['paid'].agg('mean')
seg['growth'] = seg.groupby('segment')['paid'].pct_change()
seg.replace([np.inf, -np.inf], np.nan).to_parquet('out/segment_curve.parquet')
