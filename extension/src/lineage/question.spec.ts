import { Question } from './question';

/** A question whose answers are numbered. */
function counted(): {
  question: Question<{ target: string }, string>;
  asked: string[];
} {
  const asked: string[] = [];
  const question = new Question(async ({ target }: { target: string }) => {
    asked.push(target);
    return `${target} ${asked.length}`;
  });
  return { question, asked };
}

describe('a question asked early', () => {
  it('is not asked again by whoever takes its answer', async () => {
    const { question, asked } = counted();
    question.begin({ target: 'a' });
    expect(await question.take({ target: 'a' })).toBe('a 1');
    expect(asked).toEqual(['a']);
  });

  it('answers once: the next one is about a later time', async () => {
    const { question } = counted();
    question.begin({ target: 'a' });
    await question.take({ target: 'a' });
    expect(await question.take({ target: 'a' })).toBe('a 2');
  });

  it('answers nothing else', async () => {
    const { question } = counted();
    question.begin({ target: 'a' });
    expect(await question.take({ target: 'b' })).toBe('b 2');
    expect(await question.take({ target: 'a' })).toBe('a 3');
  });

  it('is forgotten where nobody took it in time', async () => {
    const now = jest.spyOn(performance, 'now').mockReturnValue(0);
    const { question } = counted();
    question.begin({ target: 'a' });
    now.mockReturnValue(1001);
    expect(await question.take({ target: 'a' })).toBe('a 2');
    now.mockRestore();
  });

  it('tells why it failed to who takes it, and to nobody else', async () => {
    const question = new Question(() => Promise.reject(new Error('away')));
    question.begin({ target: 'a' });
    await Promise.resolve();
    await expect(question.take({ target: 'a' })).rejects.toThrow('away');
  });
});
