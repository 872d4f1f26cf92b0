# %% [markdown]
# # Feature factory for late-payment model (Kaggle style)
# %%
import gc
import numpy as np
import pandas as pd

train = pd.read_csv('loans.csv')
pays = pd.read_csv('payments.csv')
cli = pd.read_csv('clients.csv')
# %%
def reduce_mem(df):
    for c in df.select_dtypes('float'):
        df[c] = df[c].astype('float32')
    return df

train['start'] = pd.to_datetime(train['start'])
train['dow'] = train['start'].dt.day_of_week
train['woy'] = train['start'].dt.isocalendar().week.astype('Int64')
train['is_month_end'] = train['start'].dt.is_month_end.astype(int)
train = train.merge(cli, how='left', on='client')
# %%
# aggregated features
AGGS = {'amount': ['mean', 'max', 'std'], 'rate': ['min', 'nunique']}
for key in ['client', 'segment', 'region']:
    for col, fs in AGGS.items():
        for f in fs:
            train[f'{key}_{col}_{f}'] = train.groupby(key, dropna=False)[col].transform(f)
train['amt_vs_client'] = train['amount'] / train['client_amount_mean']
train['amt_rank'] = train.groupby('segment')['amount'].rank(method='dense', ascending=False)
train['rate_pct'] = train['rate'].rank(pct=True)
# %%
# order features
train = train.sort_values(['client', 'start', 'loan']).reset_index(drop=True)
g = train.groupby('client')
train['nth_loan'] = g.cumcount()
train['prev_amount'] = g['amount'].shift(1)
train['amount_chg'] = g['amount'].pct_change().replace([np.inf, -np.inf], np.nan)
train['cum_amount'] = g['amount'].cumsum()
train['cum_max_rate'] = g['rate'].cummax()
train['days_since_prev'] = g['start'].diff().dt.days.fillna(-1)
train['prev_status'] = g['status'].shift().fillna('first')
# %%
p = pays.merge(train[['loan', 'amount']], on='loan')
p['frac'] = p['paid'] / p['amount']
pf = p.groupby('loan').agg({'paid': ['sum', 'mean', 'skew'], 'frac': ['max'], 'channel': [lambda s: s.isna().mean(), 'nunique']})
pf.columns = ['pay_' + '_'.join(c).replace('<lambda_0>', 'na') for c in pf.columns]
train = train.merge(pf.reset_index(), on='loan', how='left')
# %%
# count, target (leave one out) and one-hot encodings
train['target'] = (train['status'] == 'late').astype(int)
for c in ['region', 'prev_status']:
    train[c + '_cnt'] = train[c].map(train[c].value_counts())
    s, n = train.groupby(c)['target'].transform('sum'), train.groupby(c)['target'].transform('count')
    train[c + '_te'] = (s - train['target'] + train['target'].mean() * 5) / (n - 1 + 5)
ohe = pd.get_dummies(train[['segment', 'term']].astype(str), prefix_sep='=', dtype='uint8')
train['seg_code'], uniques = pd.factorize(train['segment'])
feat = pd.concat([train.drop(columns=['status', 'name', 'start']), ohe], axis=1)
feat = reduce_mem(feat)
feat.to_parquet('out/features.parquet', index=False)
del p, pf; gc.collect()
# %%
num = feat.select_dtypes('number').drop(columns=['loan', 'client', 'target'])
imp = pd.DataFrame({'corr': num.astype('float64').corrwith(feat['target'].astype('float64')), 'na': num.isna().mean(), 'sd': num.astype('float64').std()})
imp['abs'] = imp['corr'].abs()
imp = imp.sort_values('abs', ascending=False).rename_axis('feature').reset_index()
imp.to_csv('out/importance.csv', index=False)
keep = imp.loc[imp['abs'] > .1, 'feature'].head(4).tolist()
base = [c for c in ['loan', 'nth_loan', 'amt_vs_client', 'region_te'] if c not in keep]
feat[base + keep + ['target']].to_csv('out/train_small.csv', index=False)
